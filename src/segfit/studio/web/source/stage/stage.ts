/**
 * The stage: four canvases over each other, and what is drawn on them.
 *
 * `picture` has the image, `labels` labels and proposals, `ink` what is drawn and not yet on the
 * tiles, `hud` cursors and outlines. Each is drawn again only when something of it changes.
 */

import { effect, signal } from "@preact/signals";
import type { Box, ImageDetail, Point, Rgb } from "../api/types";
import { classes, frozen } from "../state/app";
import { current, onLabels, unsure, unsureAt, untouched } from "../state/current";
import { conflict, settling, submit, waiting } from "../state/outbox";
import { askAgain } from "../state/pointer";
import * as held from "../state/tools";
import { createTool } from "../tools/create";
import type { Desk, Tool } from "../tools/tool";
import { drawGhost } from "./ghost";
import { Hud } from "./hud";
import { ImageTiles } from "./image_tiles";
import { Ink } from "./ink";
import type { Palette } from "./overlay_messages";
import { OverlayTiles } from "./overlay_tiles";
import { fit, near, pan, type Size, type View, visibleBox, zoomAt } from "./view";

export const zoom = signal(1);
interface Layers {
  picture: HTMLCanvasElement;
  labels: HTMLCanvasElement;
  ink: HTMLCanvasElement;
  hud: HTMLCanvasElement;
}

export class Stage {
  view: View = { zoom: 1, x: 0, y: 0 };
  size: Size = { width: 1, height: 1 };
  tool: Tool | null = null;
  /** The cursor of the keys; null while a pointer is used. */
  cursor: Point | null = null;
  /** Where the mouse or the pen is, for the brush's circle. */
  hover: Point | null = null;

  private image: ImageDetail | null = null;
  private tiles: ImageTiles | null = null;
  private overlay: OverlayTiles | null = null;
  private readonly ink: Ink;
  private readonly hud: Hud;
  private readonly picture: CanvasRenderingContext2D;
  private readonly labels: CanvasRenderingContext2D;
  pixelRatio = 1;
  private stale = { picture: true, labels: true, ink: true, hud: true };
  private scheduled = false;
  private complete = false;
  private readonly endings: (() => void)[] = [];

  constructor(private readonly layers: Layers) {
    this.picture = layers.picture.getContext("2d") as CanvasRenderingContext2D;
    this.labels = layers.labels.getContext("2d") as CanvasRenderingContext2D;
    this.ink = new Ink(layers.ink, () => this);
    this.hud = new Hud(layers.hud);
    const resized = new ResizeObserver(() => this.measure());
    resized.observe(layers.picture.parentElement as HTMLElement);
    // Another screen may have other pixels at the same size.
    const measure = () => this.measure();
    addEventListener("resize", measure);
    this.endings.push(() => {
      resized.disconnect();
      removeEventListener("resize", measure);
    });
    this.measure();
    this.watch();
  }

  close(): void {
    for (const end of this.endings) end();
    this.tool?.close?.();
    this.tiles?.close();
    this.overlay?.close();
  }

  // -------------------------------------------------------------- what changes it

  private watch(): void {
    const when = (run: () => void) => this.endings.push(effect(run));
    when(() => this.take(current.value));
    when(() => {
      const rev = current.value?.proposal_rev ?? 0;
      this.overlay?.setProposal(rev);
      askAgain();
    });
    when(() => {
      const palette = readPalette();
      this.overlay?.setPalette(palette);
    });
    when(() => {
      void held.proposalShown.value;
      void held.proposalOpacity.value;
      this.refresh("labels");
    });
    when(() => {
      this.layers.labels.style.visibility = held.labelsShown.value ? "" : "hidden";
    });
    when(() => {
      const [brightness, contrast] = [held.brightness.value, held.contrast.value];
      const plain = brightness === 1 && contrast === 1;
      this.layers.picture.style.filter = plain
        ? ""
        : `brightness(${brightness}) contrast(${contrast})`;
    });
    when(() => {
      void waiting.value;
      void settling.value;
      this.refresh("ink");
    });
    when(() => {
      void [held.radius.value, held.activeClass.value, unsure.value, unsureAt.value];
      void [conflict.value, untouched.value];
      this.refresh("hud");
    });
    when(() => {
      const name = held.tool.value;
      const id = current.value?.id;
      this.takeTool(id === undefined || frozen.value ? null : name, id ?? -1);
    });
    onLabels((dirty, rev) => {
      this.overlay?.invalidate(dirty, rev);
      askAgain();
    });
  }

  private take(image: ImageDetail | null): void {
    const before = this.image;
    this.image = image;
    if (image === null || before?.id !== image.id) {
      this.tiles?.close();
      this.overlay?.close();
      this.tiles = null;
      this.overlay = null;
      settling.value = [];
      this.cursor = null;
      if (image !== null) {
        this.tiles = new ImageTiles(image, () => this.refresh("picture"));
        this.overlay = new OverlayTiles(image, readPalette(), () => this.refresh("labels"));
        this.look(fit(image, this.size));
      }
    }
    this.refresh("picture", "labels", "ink", "hud");
  }

  private held = { name: "" as string, image: -1 };

  private takeTool(name: held.ToolName | null, image: number): void {
    if (this.held.name === name && this.held.image === image) return;
    this.held = { name: name ?? "", image };
    this.tool?.cancel();
    this.tool?.close?.();
    const desk: Desk = {
      image,
      ink: this.ink,
      view: () => this.view,
      submit,
      redraw: () => this.refresh("hud", "ink"),
    };
    this.tool = name === null ? null : createTool(name, desk);
    const at = this.cursor ?? this.hover;
    if (at !== null && this.contains(at)) this.tool?.hover?.(at);
    this.refresh("hud");
  }

  private measure(): void {
    const room = this.layers.picture.parentElement as HTMLElement;
    const before = this.size;
    this.size = { width: room.clientWidth, height: room.clientHeight };
    this.pixelRatio = window.devicePixelRatio || 1;
    for (const canvas of Object.values(this.layers) as HTMLCanvasElement[]) {
      canvas.width = Math.max(1, Math.round(this.size.width * this.pixelRatio));
      canvas.height = Math.max(1, Math.round(this.size.height * this.pixelRatio));
    }
    if (this.image !== null) {
      const fitted = Math.abs(this.view.zoom - fit(this.image, before).zoom) < 1e-9;
      if (fitted || before.width <= 1) this.look(fit(this.image, this.size));
    }
    this.refresh("picture", "labels", "ink", "hud");
    this.render();
  }

  // -------------------------------------------------------------- looking

  private look(view: View): void {
    this.view = view;
    zoom.value = view.zoom;
    this.refresh("picture", "labels", "ink", "hud");
  }

  /** Gives the keys to the stage, as a pointer on it does. */
  focus(): void {
    const room = this.layers.picture.parentElement as HTMLElement;
    room.dataset.by = "pointer";
    room.focus({ preventScroll: true });
  }

  get hasImage(): boolean {
    return this.image !== null;
  }

  fit(): void {
    if (this.image !== null) this.look(fit(this.image, this.size));
  }

  /** One image pixel on one pixel of the screen. */
  actualSize(): void {
    this.zoomBy(1 / this.pixelRatio / this.view.zoom);
  }

  zoomBy(factor: number, anchor: Point = [this.size.width / 2, this.size.height / 2]): void {
    if (this.image !== null) this.look(zoomAt(this.view, factor, anchor, this.image, this.size));
  }

  panBy(dx: number, dy: number): void {
    if (this.image !== null) this.look(pan(this.view, dx, dy, this.image, this.size));
  }

  /** Brings a place to the middle, near enough to see it. */
  goTo(place: Point): void {
    if (this.image === null) return;
    const zoomed = Math.max(this.view.zoom, Math.min(2, 3 * fit(this.image, this.size).zoom));
    this.look(near({ zoom: zoomed }, this.image, this.size, place));
  }

  /** Pans as little as needed to have `place` on the stage. */
  keepInView([x, y]: Point): void {
    if (this.image === null) return;
    const [x0, y0, x1, y1] = visibleBox(this.view, this.image, this.size);
    const dx = x < x0 ? x0 - x : x > x1 ? x1 - x : 0;
    const dy = y < y0 ? y0 - y : y > y1 ? y1 - y : 0;
    if (dx !== 0 || dy !== 0) this.panBy(dx * this.view.zoom * 1.2, dy * this.view.zoom * 1.2);
  }

  /** A point inside the image. */
  inside([x, y]: Point): Point {
    const { width, height } = this.image ?? { width: 1, height: 1 };
    return [Math.min(width - 0.01, Math.max(0, x)), Math.min(height - 0.01, Math.max(0, y))];
  }

  contains([x, y]: Point): boolean {
    return this.image !== null && x >= 0 && y >= 0 && x < this.image.width && y < this.image.height;
  }

  middle(): Point {
    const box: Box = visibleBox(this.view, this.image ?? { width: 1, height: 1 }, this.size);
    return [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
  }

  // -------------------------------------------------------------- drawing

  refresh(...parts: (keyof Stage["stale"])[]): void {
    for (const part of parts) this.stale[part] = true;
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.render();
    });
  }

  private render(): void {
    const told = this.stale.picture || this.stale.labels || this.stale.ink;
    if (this.stale.picture) {
      this.stale.picture = false;
      this.drawPicture();
    }
    if (this.stale.labels) {
      this.stale.labels = false;
      this.drawLabels();
    }
    if (this.stale.ink) {
      this.stale.ink = false;
      const shown = [...settling.peek().map(({ entry }) => entry), ...waiting.peek()];
      this.ink.redraw(shown.filter(({ image }) => image === this.image?.id));
    }
    if (this.stale.hud) {
      this.stale.hud = false;
      this.drawHud();
    }
    if (told) this.say();
  }

  private drawPicture(): void {
    const { picture, view, size, pixelRatio } = this;
    picture.clearRect(0, 0, picture.canvas.width, picture.canvas.height);
    this.complete = this.tiles?.draw(picture, view, size, pixelRatio) ?? false;
  }

  private drawLabels(): void {
    const { labels, view, size, pixelRatio } = this;
    const opacity = held.proposalShown.peek() ? held.proposalOpacity.peek() : 0;
    labels.clearRect(0, 0, labels.canvas.width, labels.canvas.height);
    this.overlay?.draw(labels, view, size, pixelRatio, opacity);
    this.dropSettled();
  }

  /** Says in the page what is on stage, for scripts. */
  private say(): void {
    const { image, overlay, view, size, pixelRatio } = this;
    const room = this.layers.picture.parentElement as HTMLElement;
    if (image === null || overlay === null) return;
    const shown = overlay.shownOnStage(view, size, pixelRatio);
    Object.assign(room.dataset, {
      complete: this.complete ? image.id : "",
      proposal: shown.proposal,
      settled: shown.fresh && settling.peek().length === 0 && waiting.peek().length === 0,
      x: view.x,
      y: view.y,
      zoom: view.zoom,
    });
  }

  /** Takes ink away whose labels are on the tiles now. */
  private dropSettled(): void {
    const { overlay } = this;
    if (settling.peek().length === 0 || overlay === null) return;
    const left = settling
      .peek()
      .filter(
        ({ dirty, rev }) => !overlay.settled(dirty, rev, this.view, this.size, this.pixelRatio),
      );
    if (left.length !== settling.peek().length) settling.value = left;
  }

  private drawHud(): void {
    const { hud } = this;
    hud.start(this.view, this.pixelRatio);
    if (this.image === null) return;
    if (untouched.peek() && waiting.peek().length === 0) {
      if (drawGhost(hud, this.image)) this.refresh("hud");
    }
    unsure.peek().forEach(({ x, y }, i) => {
      hud.dot(
        [x, y],
        i === unsureAt.peek() ? "#ffd34d" : "rgb(255 255 255 / 0.7)",
        i === unsureAt.peek() ? 6 : 3.5,
      );
    });
    const clash = conflict.peek();
    if (clash?.dirty && clash.entry.image === this.image.id)
      hud.box(clash.dirty, "#ffd34d", [6, 4]);
    this.tool?.paint?.(hud);
    const at = this.cursor ?? this.hover;
    if (at === null) return;
    if (this.tool?.round) hud.circle(at, held.radius.peek());
    if (this.cursor !== null) hud.cross(this.cursor);
  }
}

function readPalette(): Palette {
  const colors: Record<number, Rgb> = {};
  for (const { index, color } of classes.value) colors[index] = parseColor(color);
  return {
    colors,
    hidden: [...held.hidden.value],
    quiet: Object.keys(colors)
      .map(Number)
      .filter((index) => isGray(colors[index] as Rgb)),
    patterns: held.patterns.value,
    surer: held.surerThan.value,
  };
}

const isGray = (color: Rgb): boolean => Math.max(...color) - Math.min(...color) < 24;

const parseColor = (text: string): Rgb => [
  Number.parseInt(text.slice(1, 3), 16),
  Number.parseInt(text.slice(3, 5), 16),
  Number.parseInt(text.slice(5, 7), 16),
];
