/** Which tiles of a pyramid a view needs, and where each lies. Level 0 is full resolution. */

import type { Box, ImageDetail } from "../api/types";
import { type Size, type View, visibleBox } from "./view";

export interface Place {
  readonly level: number;
  readonly x: number;
  readonly y: number;
}

export const keyOf = ({ level, x, y }: Place): string => `${level}/${x}/${y}`;

/** The part of the image that a tile covers. */
export function boxOf(place: Place, image: ImageDetail): Box {
  const span = image.tile * 2 ** place.level;
  return [
    place.x * span,
    place.y * span,
    Math.min(image.width, (place.x + 1) * span),
    Math.min(image.height, (place.y + 1) * span),
  ];
}

/** The level whose pixels are about as large as the screen's. */
export function levelFor(view: View, image: ImageDetail, pixelRatio: number): number {
  const level = Math.floor(Math.log2(1 / (view.zoom * pixelRatio)) + 0.3);
  return Math.min(image.levels - 1, Math.max(0, level));
}

/** The tiles of a level that are on the stage, from its middle outwards. */
export function placesOnStage(view: View, image: ImageDetail, stage: Size, level: number): Place[] {
  const [x0, y0, x1, y1] = visibleBox(view, image, stage);
  if (x0 >= x1 || y0 >= y1) return [];
  const span = image.tile * 2 ** level;
  const places: Place[] = [];
  for (let y = Math.floor(y0 / span); y * span < y1; y++)
    for (let x = Math.floor(x0 / span); x * span < x1; x++) places.push({ level, x, y });
  const [cx, cy] = [(x0 + x1) / 2 / span - 0.5, (y0 + y1) / 2 / span - 0.5];
  const distance = (place: Place) => (place.x - cx) ** 2 + (place.y - cy) ** 2;
  return places.sort((a, b) => distance(a) - distance(b));
}

/** The coarser tiles that cover `place`, the next one first. */
export function* ancestors(place: Place, levels: number): Generator<Place> {
  for (let up = 1; place.level + up < levels; up++)
    yield { level: place.level + up, x: place.x >> up, y: place.y >> up };
}

/** Draws a tile's bitmap, or the part of a coarser one that covers `place`, without seams. */
export function drawTile(
  context: CanvasRenderingContext2D,
  bitmap: ImageBitmap,
  from: Place,
  place: Place,
  image: ImageDetail,
  view: View,
  pixelRatio: number,
): void {
  const [x0, y0, x1, y1] = boxOf(place, image);
  const [fx0, fy0, fx1, fy1] = boxOf(from, image);
  const sx = bitmap.width / (fx1 - fx0);
  const sy = bitmap.height / (fy1 - fy0);
  const scale = view.zoom * pixelRatio;
  const left = Math.round((x0 - view.x) * scale);
  const top = Math.round((y0 - view.y) * scale);
  const right = Math.round((x1 - view.x) * scale);
  const bottom = Math.round((y1 - view.y) * scale);
  context.drawImage(
    bitmap,
    (x0 - fx0) * sx,
    (y0 - fy0) * sy,
    (x1 - x0) * sx,
    (y1 - y0) * sy,
    left,
    top,
    right - left,
    bottom - top,
  );
}
