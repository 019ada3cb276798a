/** Polygon and lasso in one: clicks set corners, dragging draws; closed, it snaps to the image's edges. */

import { snap } from "../api/client";
import type { Point, Snapped } from "../api/types";
import { colorOf } from "../stage/ink";
import { tell } from "../state/app";
import { underPointer } from "../state/pointer";
import { activeClass, snapping } from "../state/tools";
import type { Desk, Tool } from "./tool";

const CLOSE_PX = 10;
const LASSO_PX = 6;
const SHOWN_MS = 2500;

export function createOutline(desk: Desk): Tool {
  const state = {
    points: [] as Point[],
    pressed: null as Point | null,
    lasso: false,
    hover: null as Point | null,
    snapped: null as Snapped | null,
    timer: 0,
  };
  const onScreen = (a: Point, b: Point) => Math.hypot(a[0] - b[0], a[1] - b[1]) * desk.view().zoom;

  function reset(): void {
    state.points = [];
    state.pressed = null;
    state.lasso = false;
  }

  async function close(): Promise<void> {
    const { points } = state;
    const chosen = activeClass.value;
    reset();
    desk.redraw();
    if (chosen === null || points.length < 3) return;
    const fields = { kind: "polygon" as const, class: chosen.index };
    if (!snapping.value) return desk.submit({ ...fields, points, snap: false });
    try {
      show(await snap(desk.image, points));
      desk.submit({ ...fields, points: state.snapped?.points ?? points, snap: false });
    } catch (error) {
      tell(
        "warning",
        `Not snapped to the edges, labelled as drawn: ${error instanceof Error ? error.message : error}`,
      );
      desk.submit({ ...fields, points, snap: false });
    }
  }

  /** Shows for a moment where the outline went, and how sure that is. */
  function show(snapped: Snapped): void {
    clearTimeout(state.timer);
    state.snapped = snapped;
    underPointer.value = { ...underPointer.value, snapped_error_px: snapped.mean_error_px };
    state.timer = window.setTimeout(() => {
      state.snapped = null;
      underPointer.value = { ...underPointer.value, snapped_error_px: null };
      desk.redraw();
    }, SHOWN_MS);
    desk.redraw();
  }

  return {
    drags: false,
    press(at) {
      state.pressed = at;
    },
    drag(points) {
      const from = state.pressed;
      if (from === null) return;
      const last = points.at(-1) ?? from;
      if (!state.lasso && onScreen(from, last) < LASSO_PX) return;
      if (!state.lasso) state.points.push(from);
      state.lasso = true;
      state.points.push(...points);
      desk.redraw();
    },
    release(at) {
      if (state.pressed === null) return;
      const first = state.points[0];
      state.pressed = null;
      if (state.lasso) return void close();
      if (first !== undefined && state.points.length > 2 && onScreen(first, at) < CLOSE_PX)
        return void close();
      const last = state.points.at(-1);
      if (last === undefined || onScreen(last, at) > 2) state.points.push(at);
      desk.redraw();
    },
    hover(at) {
      state.hover = at;
      if (state.points.length > 0) desk.redraw();
    },
    key(key) {
      if (state.points.length === 0) return false;
      if (key === "Enter") void close();
      else if (key === "Backspace") state.points.pop();
      else return false;
      desk.redraw();
      return true;
    },
    cancel() {
      reset();
      desk.redraw();
    },
    paint(hud) {
      const color = colorOf(activeClass.peek()?.index ?? null);
      const { points, hover, lasso, snapped } = state;
      const first = points[0];
      if (first !== undefined) {
        const open = hover === null || lasso ? points : [...points, hover];
        hud.line(open, color, { width: 2 });
        if (!lasso) for (const point of points) hud.dot(point, color);
        if (points.length > 2 && hover !== null && !lasso && onScreen(first, hover) < CLOSE_PX)
          hud.dot(first, "#fff", 6);
      }
      if (snapped === null) return;
      hud.line(snapped.points, "#fff", { closed: true });
      const top = snapped.points.reduce((a, b) => (b[1] < a[1] ? b : a), [0, Infinity] as Point);
      hud.label(top, `± ${snapped.mean_error_px.toFixed(1)} px`);
    },
  };
}
