/** What the pointer, or the cursor of the keys, is on: shown in the status line. */

import { signal } from "@preact/signals";
import { fetchPoint } from "../api/client";
import type { Point, PointInfo } from "../api/types";
import { current } from "./current";

export interface UnderPointer {
  at: Point | null;
  info: PointInfo | null;
  /** Area of the region that the region tool shows. */
  region_px: number | null;
  /** How sure the outline is that was snapped last. */
  snapped_error_px: number | null;
}

export const underPointer = signal<UnderPointer>({
  at: null,
  info: null,
  region_px: null,
  snapped_error_px: null,
});

const asking = { busy: false, again: false };

/** Says where the pointer is, in image px; asks the server what is there, one question at a time. */
export function pointAt(at: Point | null): void {
  underPointer.value = {
    ...underPointer.value,
    at,
    info: at === null ? null : underPointer.value.info,
  };
  if (at !== null) void ask();
}

/** Asks again, since labels or proposals changed. */
export function askAgain(): void {
  if (underPointer.value.at !== null) void ask();
}

async function ask(): Promise<void> {
  if (asking.busy) {
    asking.again = true;
    return;
  }
  const image = current.value;
  const { at } = underPointer.value;
  if (image === null || at === null) return;
  asking.busy = true;
  asking.again = false;
  const [x, y] = at;
  if (x >= 0 && y >= 0 && x < image.width && y < image.height) {
    const info = await fetchPoint(image.id, x, y, AbortSignal.timeout(3000)).catch(() => null);
    if (underPointer.value.at !== null) underPointer.value = { ...underPointer.value, info };
  } else underPointer.value = { ...underPointer.value, info: null };
  // A pause, so that a moving pointer asks 12 times a second at most.
  setTimeout(() => {
    asking.busy = false;
    if (asking.again) void ask();
  }, 80);
}
