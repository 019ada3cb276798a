/** Where the image lies on the stage. Screen positions are CSS px from the stage's top left. */

import type { Box, Point } from "../api/types";

export interface View {
  /** CSS px per image px. */
  readonly zoom: number;
  /** The image point at the stage's top left corner. */
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export const MOST_ZOOM = 64;

export const toScreen = (view: View, [x, y]: Point): Point => [
  (x - view.x) * view.zoom,
  (y - view.y) * view.zoom,
];

export const toImage = (view: View, [x, y]: Point): Point => [
  x / view.zoom + view.x,
  y / view.zoom + view.y,
];

/** The whole image in the middle, with some room around it. */
export function fit(image: Size, stage: Size, margin = 24): View {
  const zoom = Math.min(
    MOST_ZOOM,
    Math.max(1, stage.width - 2 * margin) / image.width,
    Math.max(1, stage.height - 2 * margin) / image.height,
  );
  return centered({ zoom }, image, stage, [image.width / 2, image.height / 2]);
}

/** `point` in the middle of the stage. */
export function centered(at: { zoom: number }, image: Size, stage: Size, [x, y]: Point): View {
  const view = {
    zoom: at.zoom,
    x: x - stage.width / 2 / at.zoom,
    y: y - stage.height / 2 / at.zoom,
  };
  return clamp(view, image, stage);
}

/** Zooms by `factor`; what is at `anchor` on the screen stays there. */
export function zoomAt(view: View, factor: number, anchor: Point, image: Size, stage: Size): View {
  const least = Math.min(1, fit(image, stage).zoom) / 2;
  const zoom = Math.min(MOST_ZOOM, Math.max(least, view.zoom * factor));
  const [x, y] = toImage(view, anchor);
  return clamp({ zoom, x: x - anchor[0] / zoom, y: y - anchor[1] / zoom }, image, stage);
}

export function pan(view: View, dx: number, dy: number, image: Size, stage: Size): View {
  return clamp({ ...view, x: view.x - dx / view.zoom, y: view.y - dy / view.zoom }, image, stage);
}

/** `point` near the middle, without showing more of the room around the image than needed. */
export function near(at: { zoom: number }, image: Size, stage: Size, point: Point): View {
  const view = centered(at, image, stage, point);
  const inside = (start: number, length: number, shown: number) =>
    length < shown ? (length - shown) / 2 : Math.min(length - shown, Math.max(0, start));
  return {
    zoom: view.zoom,
    x: inside(view.x, image.width, stage.width / view.zoom),
    y: inside(view.y, image.height, stage.height / view.zoom),
  };
}

/** Keeps a part of the image on the stage. */
function clamp(view: View, image: Size, stage: Size): View {
  const width = stage.width / view.zoom;
  const height = stage.height / view.zoom;
  return {
    zoom: view.zoom,
    x: Math.min(image.width - width * 0.4, Math.max(-width * 0.6, view.x)),
    y: Math.min(image.height - height * 0.4, Math.max(-height * 0.6, view.y)),
  };
}

/** The part of the image that is on the stage. */
export function visibleBox(view: View, image: Size, stage: Size): Box {
  const [x1, y1] = toImage(view, [stage.width, stage.height]);
  return [
    Math.max(0, view.x),
    Math.max(0, view.y),
    Math.min(image.width, x1),
    Math.min(image.height, y1),
  ];
}

export const meet = (a: Box, b: Box): boolean =>
  a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
