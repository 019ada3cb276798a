/**
 * What was drawn and is not on the label tiles yet, in the class's color.
 *
 * The stroke under the hand grows by its new pieces alone, so that long strokes cost a frame no
 * more than short ones.
 */

import type { Point } from "../api/types";
import { classes } from "../state/app";
import type { Entry } from "../state/outbox";
import { toScreen, type View } from "./view";

const ERASING = "#8a8f98";

interface Live {
  color: string;
  radius: number;
  points: Point[];
}

export class Ink {
  private live: Live | null = null;
  private readonly context: CanvasRenderingContext2D;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly frame: () => { view: View; pixelRatio: number },
  ) {
    this.context = canvas.getContext("2d") as CanvasRenderingContext2D;
  }

  /** Begins a stroke under the hand; `index` null erases. */
  begin(index: number | null, radius: number, at: Point): void {
    this.live = { color: colorOf(index), radius, points: [at] };
    this.strokePath([at], this.live.color, radius);
  }

  extend(points: Point[]): void {
    const last = this.live?.points.at(-1);
    if (this.live === null || last === undefined) return;
    this.strokePath([last, ...points], this.live.color, this.live.radius);
    this.live.points.push(...points);
  }

  /** Ends the stroke under the hand; it stays as it is until the next `redraw`. */
  end(): void {
    this.live = null;
  }

  redraw(entries: Entry[]): void {
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (const { step } of entries) this.drawStep(step);
    if (this.live !== null) this.strokePath(this.live.points, this.live.color, this.live.radius);
  }

  private drawStep(step: Entry["step"]): void {
    if (step.kind === "stroke") this.strokePath(step.points, colorOf(step.class), step.radius);
    else if (step.kind === "erase") this.strokePath(step.points, ERASING, step.radius);
    else if (step.kind === "polygon") this.fillPath(step.points, colorOf(step.class));
    else if (step.kind === "hole") this.fillPath(step.points, ERASING);
  }

  private strokePath(points: Point[], color: string, radius: number): void {
    const { context } = this;
    const { view, pixelRatio } = this.frame();
    const first = points[0];
    if (first === undefined) return;
    context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0);
    context.strokeStyle = color;
    context.lineWidth = Math.max(1, 2 * radius * view.zoom);
    context.lineCap = "round";
    context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...toScreen(view, first));
    if (points.length === 1) context.lineTo(...toScreen(view, first));
    for (const point of points.slice(1)) context.lineTo(...toScreen(view, point));
    context.stroke();
  }

  private fillPath(points: Point[], color: string): void {
    const { context } = this;
    const { view, pixelRatio } = this.frame();
    context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0);
    context.fillStyle = color;
    context.beginPath();
    for (const point of points) context.lineTo(...toScreen(view, point));
    context.fill();
  }
}

export function colorOf(index: number | null): string {
  if (index === null) return ERASING;
  return classes.peek().find((entry) => entry.index === index)?.color ?? ERASING;
}
