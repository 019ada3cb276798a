/** A box by two corners: the object in it is found, or what is proposed in it is accepted. */

import type { Box, Point } from "../api/types";
import { boxAround } from "../stage/hud";
import { colorOf } from "../stage/ink";
import { activeClass, tool } from "../state/tools";
import type { Desk, Tool } from "./tool";

const LEAST_PX = 4;

export function createRectangle(desk: Desk, accepting: boolean): Tool {
  const state = { from: null as Point | null, to: null as Point | null };

  function finish(box: Box): void {
    const chosen = activeClass.value;
    if (accepting) {
      desk.submit({ kind: "accept", what: "rectangle", box });
      tool.value = "brush";
    } else if (chosen !== null) desk.submit({ kind: "rectangle", class: chosen.index, box });
  }

  return {
    drags: true,
    press(at) {
      state.from = at;
      state.to = at;
    },
    drag(points) {
      state.to = points.at(-1) ?? state.to;
      desk.redraw();
    },
    release(at) {
      if (state.from === null) return;
      const box = boxAround(state.from, at);
      this.cancel();
      const side = Math.min(box[2] - box[0], box[3] - box[1]) * desk.view().zoom;
      if (side >= LEAST_PX) finish(box);
    },
    cancel() {
      state.from = null;
      state.to = null;
      desk.redraw();
    },
    paint(hud) {
      if (state.from === null || state.to === null) return;
      const color = accepting ? "#fff" : colorOf(activeClass.peek()?.index ?? null);
      hud.box(boxAround(state.from, state.to), color, [6, 4]);
    },
  };
}
