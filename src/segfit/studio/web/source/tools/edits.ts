/** Fill, and the edits of objects that are there: by a click, or by a line or a loop. */

import type { Operation, Point } from "../api/types";
import { colorOf } from "../stage/ink";
import { activeClass } from "../state/tools";
import type { Desk, Tool } from "./tool";

/** A tool whose click is an operation; the function gives it, or null where no class is chosen. */
export function createClick(desk: Desk, operation: (at: Point) => Operation | null): Tool {
  return {
    drags: false,
    press(at) {
      const step = operation(at);
      if (step !== null) desk.submit(step);
    },
    cancel() {},
  };
}

export const createFill = (desk: Desk): Tool =>
  createClick(desk, ([x, y]) => withClass((index) => ({ kind: "fill", class: index, x, y })));

export const createChange = (desk: Desk): Tool =>
  createClick(desk, ([x, y]) => withClass((index) => ({ kind: "change", class: index, x, y })));

export const createDelete = (desk: Desk): Tool =>
  createClick(desk, ([x, y]) => ({ kind: "delete", x, y }));

export const createSmooth = (desk: Desk): Tool =>
  createClick(desk, ([x, y]) => ({ kind: "smooth", x, y }));

function withClass(make: (index: number) => Operation): Operation | null {
  const chosen = activeClass.value;
  return chosen === null ? null : make(chosen.index);
}

/** A tool that draws a line (split, merge) or a loop (hole), sent when the hand lifts. */
export function createLine(desk: Desk, kind: "split" | "merge" | "hole"): Tool {
  const state = { points: [] as Point[] };
  return {
    drags: true,
    press(at) {
      state.points = [at];
    },
    drag(points) {
      if (state.points.length === 0) return;
      state.points.push(...points);
      desk.redraw();
    },
    release() {
      const { points } = state;
      this.cancel();
      if (points.length >= (kind === "hole" ? 3 : 2)) desk.submit({ kind, points });
    },
    cancel() {
      state.points = [];
      desk.redraw();
    },
    paint(hud) {
      const color = kind === "hole" ? "#fff" : colorOf(activeClass.peek()?.index ?? null);
      hud.line(state.points, color, { closed: kind === "hole", dash: [7, 5], width: 2 });
    },
  };
}
