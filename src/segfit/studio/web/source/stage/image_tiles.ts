/** The image itself, as tiles: fetched when they come on stage, the coarsest first. */

import { tileAddress } from "../api/client";
import type { ImageDetail } from "../api/types";
import { ancestors, drawTile, keyOf, levelFor, type Place, placesOnStage } from "./pyramid";
import type { Size, View } from "./view";

const MOST_KEPT = 160;
const AT_ONCE = 5;

export class ImageTiles {
  private readonly bitmaps = new Map<string, ImageBitmap>();
  private readonly loading = new Set<string>();
  private readonly failed = new Map<string, number>();
  private closed = false;

  constructor(
    private readonly image: ImageDetail,
    private readonly changed: () => void,
  ) {}

  /** Draws what is there, asks for what is not; says whether all was there. */
  draw(context: CanvasRenderingContext2D, view: View, stage: Size, pixelRatio: number): boolean {
    const level = levelFor(view, this.image, pixelRatio);
    const places = placesOnStage(view, this.image, stage, level);
    const top = placesOnStage(view, this.image, stage, this.image.levels - 1);
    const missing = [...top, ...places].filter((place) => !this.bitmaps.has(keyOf(place)));
    for (const place of missing) this.load(place);
    context.imageSmoothingEnabled = view.zoom * pixelRatio < 3;
    context.imageSmoothingQuality = "medium";
    for (const place of places) {
      for (const from of [place, ...ancestors(place, this.image.levels)]) {
        const bitmap = this.take(keyOf(from));
        if (bitmap === undefined) continue;
        drawTile(context, bitmap, from, place, this.image, view, pixelRatio);
        break;
      }
    }
    return missing.length === 0;
  }

  close(): void {
    this.closed = true;
    for (const bitmap of this.bitmaps.values()) bitmap.close();
    this.bitmaps.clear();
  }

  private take(key: string): ImageBitmap | undefined {
    const bitmap = this.bitmaps.get(key);
    if (bitmap === undefined) return undefined;
    this.bitmaps.delete(key);
    this.bitmaps.set(key, bitmap);
    return bitmap;
  }

  private load(place: Place): void {
    const key = keyOf(place);
    const again = this.failed.get(key) ?? 0;
    if (this.loading.size >= AT_ONCE || this.loading.has(key) || performance.now() < again) return;
    this.loading.add(key);
    void this.fetch(place, key).finally(() => {
      this.loading.delete(key);
      if (!this.closed) this.changed();
    });
  }

  private async fetch(place: Place, key: string): Promise<void> {
    try {
      const response = await fetch(tileAddress(this.image, place.level, place.x, place.y));
      if (!response.ok) throw new Error(String(response.status));
      const bitmap = await createImageBitmap(await response.blob());
      if (this.closed) return bitmap.close();
      this.bitmaps.set(key, bitmap);
      for (const [oldest, unused] of this.bitmaps) {
        if (this.bitmaps.size <= MOST_KEPT) break;
        unused.close();
        this.bitmaps.delete(oldest);
      }
    } catch {
      this.failed.set(key, performance.now() + 2000);
      setTimeout(() => !this.closed && this.changed(), 2050);
    }
  }
}
