/**
 * Colors label and proposal tiles beside the page's own thread.
 *
 * A tile comes as a PNG of three bytes a pixel: of labels, class (255 = none), origin (2 = by hand)
 * and object (0 = none); of proposals, class, confidence and object. What leaves is two bitmaps.
 */

import type { PaintDone, PaintJob, Palette } from "./overlay_messages";

const NONE = 255;
const BY_HAND = 2;
const ALPHA = { hand: 155, accepted: 110, edge: 235, proposal: 190, proposalEdge: 255, quiet: 50 };

interface Data {
  width: number;
  height: number;
  values: Uint8ClampedArray;
}

const scratch = new OffscreenCanvas(512, 512);
const drawing = scratch.getContext("2d", { willReadFrequently: true });

async function read(address: string | null): Promise<Data | null> {
  if (address === null || drawing === null) return null;
  const response = await fetch(address);
  if (response.status === 204) return null;
  if (!response.ok) throw new Error(`${response.status}`);
  const bitmap = await createImageBitmap(await response.blob(), {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const { width, height } = bitmap;
  if (scratch.width < width) scratch.width = width;
  if (scratch.height < height) scratch.height = height;
  drawing.globalCompositeOperation = "copy";
  drawing.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { width, height, values: drawing.getImageData(0, 0, width, height).data };
}

/** How strongly pixel (x, y) is drawn by the pattern of a class: 0 or 1. */
function patternAt(pattern: number, x: number, y: number): boolean {
  switch (pattern % 8) {
    case 0:
      return (x + y) % 12 < 3;
    case 1:
      return x % 10 < 4 && y % 10 < 4;
    case 2:
      return (((x - y) % 12) + 12) % 12 < 3;
    case 3:
      return y % 9 < 2;
    case 4:
      return x % 9 < 2;
    case 5:
      return x % 12 < 2 || y % 12 < 2;
    case 6:
      return Math.floor(x / 7) % 2 === Math.floor(y / 7) % 2;
    default:
      return (x + y) % 12 < 2 || (((x - y) % 12) + 12) % 12 < 2;
  }
}

/**
 * Whether the border to a neighbor within the tile is drawn in this pixel.
 *
 * A border is one pixel wide: of two neighbors the one that is not quiet has it, else the greater.
 */
function isEdge({ width, height, values }: Data, quiet: number[], x: number, y: number): boolean {
  const at = 4 * (y * width + x);
  const label = values[at] as number;
  const code = 256 * label + (values[at + 2] as number);
  const hasBorderTo = (other: number) => {
    const otherLabel = values[other] as number;
    const otherCode = 256 * otherLabel + (values[other + 2] as number);
    if (otherCode === code) return false;
    if (otherLabel === NONE) return true;
    const isQuiet = quiet.includes(otherLabel);
    return isQuiet === quiet.includes(label) ? code > otherCode : isQuiet;
  };
  return (
    (x > 0 && hasBorderTo(at - 4)) ||
    (x < width - 1 && hasBorderTo(at + 4)) ||
    (y > 0 && hasBorderTo(at - 4 * width)) ||
    (y < height - 1 && hasBorderTo(at + 4 * width))
  );
}

type AlphaAt = (at: number, edge: boolean, x: number, y: number) => number;

function paint(data: Data, palette: Palette, alphaAt: AlphaAt): Promise<ImageBitmap> {
  const { width, height, values } = data;
  const painted = new ImageData(width, height);
  const pixels = painted.data;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 4 * (y * width + x);
      const label = values[at] as number;
      const color = palette.colors[label];
      if (label === NONE || color === undefined || palette.hidden.includes(label)) continue;
      const edge = isEdge(data, palette.quiet, x, y);
      let alpha = alphaAt(at, edge, x, y);
      if (alpha === 0) continue;
      if (palette.patterns && !edge && patternAt(label, x, y)) alpha = Math.min(255, alpha * 1.9);
      pixels[at] = color[0];
      pixels[at + 1] = color[1];
      pixels[at + 2] = color[2];
      pixels[at + 3] = alpha;
    }
  }
  return createImageBitmap(painted);
}

/** Labels by hand are stronger than accepted ones; borders are lines. */
const labelAlpha =
  ({ values }: Data, { quiet }: Palette): AlphaAt =>
  (at, edge) => {
    if (edge) return ALPHA.edge;
    const alpha = values[at + 1] === BY_HAND ? ALPHA.hand : ALPHA.accepted;
    return quiet.includes(values[at] as number) ? alpha / 2 : alpha;
  };

/** A proposal has a dotted border, and is only where nothing is labelled. */
const proposalAlpha =
  ({ values }: Data, labels: Data | null, { surer, quiet }: Palette): AlphaAt =>
  (at, edge, x, y) => {
    if (labels !== null && labels.values[at] !== NONE) return 0;
    if ((values[at + 1] as number) < 255 * (surer ?? 0)) return 0;
    if (edge && (x + y) % 6 < 3) return ALPHA.proposalEdge;
    return quiet.includes(values[at] as number) ? ALPHA.quiet : ALPHA.proposal;
  };

async function work(job: PaintJob): Promise<void> {
  const done: PaintDone = { id: job.id, failed: false, labels: null, proposal: null };
  try {
    const labels = await read(job.labels);
    const proposal = await read(job.proposal);
    if (labels !== null)
      done.labels = await paint(labels, job.palette, labelAlpha(labels, job.palette));
    if (proposal !== null) {
      const alphaAt = proposalAlpha(proposal, labels, job.palette);
      done.proposal = await paint(proposal, job.palette, alphaAt);
    }
  } catch {
    done.failed = true;
  }
  const bitmaps = [done.labels, done.proposal].filter((bitmap) => bitmap !== null);
  postMessage(done, { transfer: bitmaps });
}

addEventListener("message", (event: MessageEvent<PaintJob>) => void work(event.data));
