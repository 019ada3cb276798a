/** Lines over the image that are no labels: cursors, outlines under the hand, marks. */

import type { Box, Point } from "../api/types";
import { toScreen, type View } from "./view";

export class Hud {
  private readonly context: CanvasRenderingContext2D;
  private view: View = { zoom: 1, x: 0, y: 0 };

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.context = canvas.getContext("2d") as CanvasRenderingContext2D;
  }

  start(view: View, pixelRatio: number): void {
    this.view = view;
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0);
    this.context.lineJoin = "round";
    this.context.lineCap = "round";
  }

  /** A line that is seen on light and dark: a dark one under a light one. */
  private outline(color: string, width = 1.5, dash: number[] = []): void {
    const { context } = this;
    context.setLineDash([]);
    context.strokeStyle = "rgb(0 0 0 / 0.65)";
    context.lineWidth = width + 2;
    context.stroke();
    context.setLineDash(dash);
    context.strokeStyle = color;
    context.lineWidth = width;
    context.stroke();
    context.setLineDash([]);
  }

  circle(at: Point, radius: number, color = "#fff"): void {
    this.context.beginPath();
    this.context.arc(...toScreen(this.view, at), Math.max(1.5, radius * this.view.zoom), 0, 7);
    this.outline(color, 1.25);
  }

  dot(at: Point, color = "#fff", size = 4): void {
    const { context } = this;
    context.beginPath();
    context.arc(...toScreen(this.view, at), size, 0, 7);
    context.fillStyle = color;
    context.fill();
    context.strokeStyle = "rgb(0 0 0 / 0.7)";
    context.lineWidth = 1.25;
    context.stroke();
  }

  cross(at: Point, color = "#fff"): void {
    const [x, y] = toScreen(this.view, at);
    this.context.beginPath();
    for (const [dx, dy] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ] as const) {
      this.context.moveTo(x + 4 * dx, y + 4 * dy);
      this.context.lineTo(x + 14 * dx, y + 14 * dy);
    }
    this.outline(color, 2);
  }

  line(
    points: Point[],
    color: string,
    { closed = false, dash = [] as number[], width = 1.75 } = {},
  ): void {
    if (points.length === 0) return;
    this.context.beginPath();
    for (const point of points) this.context.lineTo(...toScreen(this.view, point));
    if (closed) this.context.closePath();
    this.outline(color, width, dash);
  }

  /** Rings of a region, holes included, lightly filled. */
  rings(rings: Point[][], color: string): void {
    const { context } = this;
    context.beginPath();
    for (const ring of rings) {
      ring.forEach((point, i) => {
        const at = toScreen(this.view, point);
        if (i === 0) context.moveTo(...at);
        else context.lineTo(...at);
      });
      context.closePath();
    }
    context.globalAlpha = 0.28;
    context.fillStyle = color;
    context.fill("evenodd");
    context.globalAlpha = 1;
    this.outline(color, 2);
  }

  box([x0, y0, x1, y1]: Box, color: string, dash: number[] = []): void {
    this.line(
      [
        [x0, y0],
        [x1, y0],
        [x1, y1],
        [x0, y1],
      ],
      color,
      { closed: true, dash },
    );
  }

  /** A short text on a dark plate beside a point. */
  label(at: Point, text: string): void {
    const { context } = this;
    const [x, y] = toScreen(this.view, at);
    context.font = "600 12px system-ui, sans-serif";
    const width = context.measureText(text).width + 14;
    context.fillStyle = "rgb(20 20 24 / 0.88)";
    context.beginPath();
    context.roundRect(x + 12, y - 28, width, 22, 6);
    context.fill();
    context.fillStyle = "#fff";
    context.textBaseline = "middle";
    context.fillText(text, x + 19, y - 16.5);
  }
}

export const boxAround = (a: Point, b: Point): Box => [
  Math.min(a[0], b[0]),
  Math.min(a[1], b[1]),
  Math.max(a[0], b[0]),
  Math.max(a[1], b[1]),
];
