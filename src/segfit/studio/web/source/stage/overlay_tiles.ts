/**
 * Labels and proposals over the image, as tiles that are renewed where something changed.
 *
 * A tile that is out of date stays on stage until the new one is there, so nothing flickers.
 */

import { labelAddress, proposalAddress } from "../api/client";
import type { Box, ImageDetail } from "../api/types";
import type { PaintDone, PaintJob, Palette } from "./overlay_messages";
import { ancestors, boxOf, drawTile, keyOf, levelFor, type Place, placesOnStage } from "./pyramid";
import { meet, type Size, type View } from "./view";

interface Tile {
  readonly place: Place;
  labels: ImageBitmap | null;
  proposal: ImageBitmap | null;
  /** What is on stage, and what should be: label revision, proposal revision, palette. */
  shown: { labels: number; proposal: number; palette: number };
  wanted: { labels: number; proposal: number; palette: number };
  loading: boolean;
  retryAt: number;
}

const MOST_KEPT = 120;
const AT_ONCE = 3;

/** The worker, and who waits for its answers; one for all images. */
class Painter {
  private readonly worker = new Worker("./overlay.js", { type: "module" });
  private readonly waiting = new Map<number, (done: PaintDone) => void>();
  private next = 1;

  constructor() {
    this.worker.onmessage = (event: MessageEvent<PaintDone>) => {
      this.waiting.get(event.data.id)?.(event.data);
      this.waiting.delete(event.data.id);
    };
  }

  paint(job: Omit<PaintJob, "id">, done: (answer: PaintDone) => void): void {
    const id = this.next++;
    this.waiting.set(id, done);
    this.worker.postMessage({ ...job, id });
  }
}

const painter = new Painter();

const isFresh = ({ shown, wanted }: Tile): boolean =>
  shown.labels >= wanted.labels &&
  shown.proposal === wanted.proposal &&
  shown.palette === wanted.palette;

export class OverlayTiles {
  private readonly tiles = new Map<string, Tile>();
  private loading = 0;
  private closed = false;
  private rev: number;
  private proposalRev: number;
  private paletteRev = 0;

  constructor(
    private readonly image: ImageDetail,
    private palette: Palette,
    private readonly changed: () => void,
  ) {
    this.rev = image.rev;
    this.proposalRev = image.proposal_rev;
  }

  /** Labels changed inside `dirty` (null: everywhere) at revision `rev`. */
  invalidate(dirty: Box | null, rev: number): void {
    this.rev = Math.max(this.rev, rev);
    for (const tile of this.tiles.values())
      if (dirty === null || meet(dirty, boxOf(tile.place, this.image)))
        tile.wanted.labels = Math.max(tile.wanted.labels, rev);
    this.changed();
  }

  setProposal(rev: number): void {
    if (rev === this.proposalRev) return;
    this.proposalRev = rev;
    for (const tile of this.tiles.values()) tile.wanted.proposal = this.proposalRev;
    this.changed();
  }

  /** Colors all tiles again, unless nothing of the palette changed (counts of classes often do). */
  setPalette(palette: Palette): void {
    if (JSON.stringify(palette) === JSON.stringify(this.palette)) return;
    this.palette = palette;
    this.paletteRev++;
    for (const tile of this.tiles.values()) tile.wanted.palette = this.paletteRev;
    this.changed();
  }

  /** Whether labels of revision `rev` are on stage wherever `box` is. */
  settled(box: Box, rev: number, view: View, stage: Size, pixelRatio: number): boolean {
    const level = levelFor(view, this.image, pixelRatio);
    return placesOnStage(view, this.image, stage, level)
      .filter((place) => meet(box, boxOf(place, this.image)))
      .every((place) => (this.tiles.get(keyOf(place))?.shown.labels ?? -1) >= rev);
  }

  /** The oldest proposal revision on stage (-1 where a tile is missing), and whether no tile is old. */
  shownOnStage(view: View, stage: Size, pixelRatio: number): { proposal: number; fresh: boolean } {
    const level = levelFor(view, this.image, pixelRatio);
    const tiles = placesOnStage(view, this.image, stage, level).map((place) =>
      this.tiles.get(keyOf(place)),
    );
    const proposals = tiles.map((tile) => tile?.shown.proposal ?? -1);
    return {
      proposal: proposals.length === 0 ? -1 : Math.min(...proposals),
      fresh: tiles.every((tile) => tile !== undefined && isFresh(tile)),
    };
  }

  draw(
    context: CanvasRenderingContext2D,
    view: View,
    stage: Size,
    pixelRatio: number,
    proposalOpacity: number,
  ): void {
    const level = levelFor(view, this.image, pixelRatio);
    const places = placesOnStage(view, this.image, stage, level);
    context.imageSmoothingEnabled = view.zoom * pixelRatio * 2 ** level < 1;
    for (const place of places) {
      this.renew(this.tileAt(place));
      for (const layer of ["proposal", "labels"] as const) {
        const from = this.nearestWith(layer, place);
        const bitmap = from?.[layer];
        if (from === null || !bitmap) continue;
        context.globalAlpha = layer === "proposal" ? proposalOpacity : 1;
        if (context.globalAlpha === 0) continue;
        drawTile(context, bitmap, from.place, place, this.image, view, pixelRatio);
      }
    }
    context.globalAlpha = 1;
    this.forget(places.length);
  }

  close(): void {
    this.closed = true;
    for (const tile of this.tiles.values()) this.free(tile);
    this.tiles.clear();
  }

  private tileAt(place: Place): Tile {
    const key = keyOf(place);
    const known = this.tiles.get(key);
    const tile: Tile = known ?? {
      place,
      labels: null,
      proposal: null,
      shown: { labels: -1, proposal: -1, palette: -1 },
      wanted: { labels: this.rev, proposal: this.proposalRev, palette: this.paletteRev },
      loading: false,
      retryAt: 0,
    };
    if (known !== undefined) this.tiles.delete(key);
    this.tiles.set(key, tile);
    return tile;
  }

  /** The tile itself once it was loaded, else a coarser one that has the layer. */
  private nearestWith(layer: "labels" | "proposal", place: Place): Tile | null {
    const own = this.tiles.get(keyOf(place));
    if (own !== undefined && own.shown.labels >= 0) return own;
    for (const above of ancestors(place, this.image.levels)) {
      const tile = this.tiles.get(keyOf(above));
      if (tile?.[layer]) return tile;
    }
    return null;
  }

  private renew(tile: Tile): void {
    const { wanted } = tile;
    if (
      isFresh(tile) ||
      tile.loading ||
      this.loading >= AT_ONCE ||
      performance.now() < tile.retryAt
    )
      return;
    const { level, x, y } = tile.place;
    const asked = { ...wanted };
    tile.loading = true;
    this.loading++;
    const job = {
      labels: labelAddress(this.image, level, x, y, asked.labels),
      proposal:
        asked.proposal <= 0 ? null : proposalAddress(this.image.id, level, x, y, asked.proposal),
      palette: this.palette,
    };
    painter.paint(job, (done) => {
      tile.loading = false;
      this.loading--;
      if (this.closed) {
        done.labels?.close();
        done.proposal?.close();
        return;
      }
      if (done.failed) {
        tile.retryAt = performance.now() + 1500;
        setTimeout(() => !this.closed && this.changed(), 1550);
      } else {
        this.free(tile);
        tile.labels = done.labels;
        tile.proposal = done.proposal;
        tile.shown = asked;
      }
      this.changed();
    });
  }

  private free(tile: Tile): void {
    tile.labels?.close();
    tile.proposal?.close();
    tile.labels = null;
    tile.proposal = null;
  }

  private forget(onStage: number): void {
    for (const [key, tile] of this.tiles) {
      if (this.tiles.size <= Math.max(MOST_KEPT, onStage)) return;
      this.free(tile);
      this.tiles.delete(key);
    }
  }
}
