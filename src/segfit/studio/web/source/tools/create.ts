/** The tool of a name. */

import type { ToolName } from "../state/tools";
import { createBrush } from "./brush";
import { createChange, createDelete, createFill, createLine, createSmooth } from "./edits";
import { createOutline } from "./outline";
import { createRectangle } from "./rectangle";
import { createRegion } from "./region";
import type { Desk, Tool } from "./tool";

const CREATE: Record<ToolName, (desk: Desk) => Tool> = {
  brush: (desk) => createBrush(desk, false),
  eraser: (desk) => createBrush(desk, true),
  region: createRegion,
  rectangle: (desk) => createRectangle(desk, false),
  outline: createOutline,
  fill: createFill,
  hole: (desk) => createLine(desk, "hole"),
  split: (desk) => createLine(desk, "split"),
  merge: (desk) => createLine(desk, "merge"),
  delete: createDelete,
  change: createChange,
  smooth: createSmooth,
  "accept-rectangle": (desk) => createRectangle(desk, true),
};

export const createTool = (name: ToolName, desk: Desk): Tool => CREATE[name](desk);
