/** What the page and the worker that colors tiles tell each other. */

import type { Rgb } from "../api/types";

export interface Palette {
  colors: Record<number, Rgb>;
  hidden: number[];
  /** Classes of a gray color, such as a background: their proposals hardly cover the image. */
  quiet: number[];
  patterns: boolean;
  /** Proposals less sure than this (0 to 1) are left out. */
  surer: number | null;
}

export interface PaintJob {
  id: number;
  labels: string | null;
  proposal: string | null;
  palette: Palette;
}

export interface PaintDone {
  id: number;
  failed: boolean;
  labels: ImageBitmap | null;
  proposal: ImageBitmap | null;
}
