/** The stroke to copy that the first visit shows on the image. */

import type { Point } from "../api/types";
import { activeClass } from "../state/tools";
import type { Hud } from "./hud";
import { colorOf } from "./ink";
import type { Size } from "./view";

const STEPS = 60;
const SECONDS = 2.4;
const PAUSE = 0.8;

/** A calm curve across the middle of the image; `share` of it, from 0 to 1. */
function curve(image: Size, share: number): Point[] {
  const points: Point[] = [];
  for (let i = 0; i <= STEPS * share; i++) {
    const t = i / STEPS;
    points.push([
      image.width * (0.38 + 0.24 * t),
      image.height * (0.5 + 0.05 * Math.sin(2 * Math.PI * t)),
    ]);
  }
  return points;
}

/** Draws it; says whether it moves and so has to be drawn again. */
export function drawGhost(hud: Hud, image: Size): boolean {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const time = (performance.now() / 1000) % (SECONDS + PAUSE);
  const share = still ? 1 : Math.min(1, time / SECONDS);
  const color = colorOf(activeClass.peek()?.index ?? null);
  hud.line(curve(image, 1), "rgb(255 255 255 / 0.55)", { dash: [2, 9], width: 3 });
  const drawn = curve(image, share);
  hud.line(drawn, color, { width: 6 });
  const tip = drawn.at(-1);
  if (tip !== undefined) hud.dot(tip, "#fff", 6);
  return !still;
}
