/** Brush and eraser: ink under the hand, sent when the hand lifts, and in pieces while it draws. */

import type { Point } from "../api/types";
import { newId } from "../state/outbox";
import { activeClass, radius } from "../state/tools";
import type { Desk, Tool } from "./tool";

const PIECE_MS = 700;
const MOST_POINTS = 8000;

export function createBrush(desk: Desk, erasing: boolean): Tool {
  const stroke = {
    points: [] as Point[],
    group: "",
    index: null as number | null,
    radius: 0,
    timer: 0,
  };

  /** Sends what was drawn so far; the next piece begins where it ends. */
  function send(last: boolean): void {
    const { points, index } = stroke;
    const fresh = points.length > 1 || (last && stroke.group === "");
    if (fresh) {
      if (!last && stroke.group === "") stroke.group = newId();
      const base = { points, radius: stroke.radius };
      const group = stroke.group === "" ? undefined : stroke.group;
      if (index === null) desk.submit({ kind: "erase", ...base }, group);
      else desk.submit({ kind: "stroke", class: index, ...base }, group);
    }
    stroke.points = points.slice(-1);
  }

  function stop(): void {
    clearInterval(stroke.timer);
    stroke.timer = 0;
    stroke.points = [];
    stroke.group = "";
  }

  return {
    drags: true,
    round: true,
    press(at) {
      const chosen = activeClass.value;
      if (!erasing && chosen === null) return;
      stroke.index = erasing ? null : (chosen?.index ?? null);
      stroke.radius = radius.value;
      stroke.points = [at];
      desk.ink.begin(stroke.index, stroke.radius, at);
      stroke.timer = window.setInterval(() => send(false), PIECE_MS);
    },
    drag(points) {
      if (stroke.timer === 0) return;
      desk.ink.extend(points);
      stroke.points.push(...points);
      if (stroke.points.length > MOST_POINTS) send(false);
    },
    release() {
      if (stroke.timer === 0) return;
      desk.ink.end();
      send(true);
      stop();
    },
    cancel() {
      if (stroke.timer === 0) return;
      desk.ink.end();
      stop();
      desk.redraw();
    },
  };
}
