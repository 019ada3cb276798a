/** From pointers, wheel and keys to the tool: mouse, pen, one and two fingers, no pointer at all. */

import { fetchPoint } from "../api/client";
import type { Point } from "../api/types";
import { current } from "../state/current";
import { pointAt } from "../state/pointer";
import { changeRadius, changeScale, chooseClass, type ToolName, tool } from "../state/tools";
import type { Stage } from "./stage";
import { toImage } from "./view";

/** What browsers call a pen that is turned round. */
const PEN_ERASER = 5;
const CLOSEST_PX = 0.75;
const WHEEL_STEP = 40;

interface Finger {
  x: number;
  y: number;
}

export class Input {
  private mode: "idle" | "tool" | "aim" | "pan" | "pinch" = "idle";
  private last: Point = [0, 0];
  private origin = { x: 0, y: 0 };
  private readonly fingers = new Map<number, Finger>();
  private penSeen = false;
  /** The tool that comes back when the pen's eraser lifts. */
  private turned: ToolName | null = null;
  private spaceHeld = false;
  private wheelRest = 0;
  /** Whether the keys have the tool pressed. */
  private keyPressed = false;
  private readonly aborter = new AbortController();

  constructor(
    private readonly element: HTMLElement,
    private readonly stage: Stage,
  ) {
    const { signal } = this.aborter;
    element.addEventListener("pointerenter", () => this.locate(), { signal });
    element.addEventListener("pointerdown", (event) => this.down(event), { signal });
    element.addEventListener("pointermove", (event) => this.move(event), { signal });
    element.addEventListener("pointerup", (event) => this.up(event), { signal });
    element.addEventListener("pointercancel", (event) => this.lost(event), { signal });
    element.addEventListener("pointerleave", () => this.leave(), { signal });
    element.addEventListener("wheel", (event) => this.wheel(event), { signal, passive: false });
    element.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
    element.addEventListener("keydown", (event) => this.keyDown(event), { signal });
    element.addEventListener("keyup", (event) => this.keyUp(event), { signal });
    element.addEventListener("blur", () => this.blur(), { signal });
  }

  close(): void {
    this.aborter.abort();
  }

  // -------------------------------------------------------------- pointers

  private screen(event: MouseEvent): Point {
    return [event.clientX - this.origin.x, event.clientY - this.origin.y];
  }

  /** Asked for when a pointer comes or presses: at every move it would cost a layout of the page. */
  private locate(): void {
    this.origin = this.element.getBoundingClientRect();
  }

  private image(event: MouseEvent): Point {
    return toImage(this.stage.view, this.screen(event));
  }

  private down(event: PointerEvent): void {
    if (!this.stage.hasImage) return;
    this.locate();
    this.element.dataset.by = "pointer";
    this.element.focus({ preventScroll: true });
    this.letGo();
    this.hideCursor();
    if (event.pointerType === "pen") this.penSeen = true;
    if (event.pointerType === "touch")
      this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.element.setPointerCapture(event.pointerId);
    this.last = this.screen(event);
    if (this.fingers.size === 2) {
      if (this.mode === "tool") this.stage.tool?.cancel();
      this.mode = "pinch";
      return;
    }
    if (this.mode !== "idle") return;
    // Once a pen is used, fingers move the image and the palm draws nothing.
    const panning =
      this.stage.tool === null ||
      event.button === 1 ||
      event.button === 2 ||
      this.spaceHeld ||
      (event.pointerType === "touch" && this.penSeen);
    if (panning) {
      this.mode = "pan";
      this.element.dataset.panning = "";
      return;
    }
    const at = this.image(event);
    if (event.altKey) {
      if (this.stage.contains(at)) void pickClass(at);
      return;
    }
    if (event.button === PEN_ERASER) {
      this.turned = tool.value;
      tool.value = "eraser";
    }
    const { tool: held } = this.stage;
    if (held === null || (!this.stage.contains(at) && !held.drags)) return;
    // A finger cannot hover: it shows first what it would do, and does it when it lifts.
    if (event.pointerType === "touch" && held.hover && !held.drag) {
      this.mode = "aim";
      held.hover(this.stage.inside(at));
      return;
    }
    this.mode = "tool";
    held.press(this.stage.inside(at));
  }

  private move(event: PointerEvent): void {
    if (!this.stage.hasImage) return;
    const now = this.screen(event);
    if (this.mode === "pinch") this.pinch(event);
    else if (this.mode === "pan") {
      this.stage.panBy(now[0] - this.last[0], now[1] - this.last[1]);
      this.last = now;
    } else if (this.mode === "tool") this.drag(event);
    else if (this.mode === "aim") this.stage.tool?.hover?.(this.stage.inside(this.image(event)));
    if (event.pointerType === "touch") return;
    this.hideCursor();
    const at = this.image(event);
    const on = this.stage.contains(at);
    this.stage.hover = at;
    if (this.mode !== "pan") {
      this.stage.tool?.hover?.(on ? at : null);
      pointAt(on ? at : null);
    }
    this.stage.refresh("hud");
  }

  private drag(event: PointerEvent): void {
    const events = event.getCoalescedEvents?.() ?? [];
    const points: Point[] = [];
    for (const each of events.length > 0 ? events : [event]) {
      const at = this.screen(each);
      if (Math.hypot(at[0] - this.last[0], at[1] - this.last[1]) < CLOSEST_PX) continue;
      this.last = at;
      points.push(this.stage.inside(toImage(this.stage.view, at)));
    }
    if (points.length > 0) this.stage.tool?.drag?.(points);
  }

  private pinch(event: PointerEvent): void {
    const moved = this.fingers.get(event.pointerId);
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (moved === undefined || other === undefined) return;
    const spread = (x: number, y: number) => Math.hypot(x - other.x, y - other.y);
    const factor = spread(event.clientX, event.clientY) / Math.max(1, spread(moved.x, moved.y));
    this.stage.panBy((event.clientX - moved.x) / 2, (event.clientY - moved.y) / 2);
    this.stage.zoomBy(factor, [
      (event.clientX + other.x) / 2 - this.origin.x,
      (event.clientY + other.y) / 2 - this.origin.y,
    ]);
    moved.x = event.clientX;
    moved.y = event.clientY;
  }

  private up(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    if (this.mode === "pinch" && this.fingers.size > 0) return;
    if (this.mode === "tool") {
      this.drag(event);
      this.stage.tool?.release?.(this.stage.inside(this.image(event)));
    } else if (this.mode === "aim") {
      this.stage.tool?.press(this.stage.inside(this.image(event)));
      this.stage.tool?.hover?.(null);
    }
    this.rest();
  }

  private rest(): void {
    this.mode = "idle";
    delete this.element.dataset.panning;
    if (this.turned !== null) tool.value = this.turned;
    this.turned = null;
  }

  private lost(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    if (this.mode === "tool") this.stage.tool?.cancel();
    this.rest();
  }

  private leave(): void {
    if (this.mode !== "idle") return;
    this.stage.hover = null;
    this.stage.tool?.hover?.(null);
    pointAt(null);
    this.stage.refresh("hud");
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    if (!this.stage.hasImage) return;
    this.locate();
    const pixels = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    const delta = event.deltaY * pixels;
    if (event.shiftKey) this.stage.panBy(-(event.deltaX * pixels || delta), 0);
    else if (event.altKey) changeRadius(Math.exp(-delta * 0.002));
    else if (tool.value === "region" && !event.ctrlKey && !event.metaKey) {
      this.wheelRest += delta;
      while (Math.abs(this.wheelRest) >= WHEEL_STEP) {
        changeScale(this.wheelRest < 0 ? 1 : -1);
        this.wheelRest -= Math.sign(this.wheelRest) * WHEEL_STEP;
      }
    } else {
      // A pinch on a trackpad comes as a wheel with the control key, in small steps.
      const speed = event.ctrlKey && Math.abs(delta) < 50 ? 0.01 : 0.0018;
      this.stage.zoomBy(Math.exp(-delta * speed), this.screen(event));
    }
  }

  // -------------------------------------------------------------- keys

  private keyDown(event: KeyboardEvent): void {
    if (!this.stage.hasImage || event.ctrlKey || event.metaKey) return;
    const arrow = ARROWS[event.key];
    if (arrow !== undefined) {
      event.preventDefault();
      this.moveCursor(arrow, event.shiftKey ? 40 : event.altKey ? 1 : 8);
    } else if (event.key === " ") {
      event.preventDefault();
      if (event.repeat) return;
      if (this.stage.cursor === null) this.spaceHeld = true;
      else this.pressCursor(this.stage.cursor);
    } else if (event.key === "Escape") {
      this.keyPressed = false;
      this.stage.tool?.cancel();
      if (tool.value === "accept-rectangle") tool.value = "brush";
    } else if (this.stage.tool?.key?.(event.key)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  private keyUp(event: KeyboardEvent): void {
    if (event.key === " ") this.spaceHeld = false;
  }

  private moveCursor([dx, dy]: Point, stepPx: number): void {
    const { stage } = this;
    const from =
      stage.cursor ??
      (stage.hover !== null && stage.contains(stage.hover) ? stage.hover : stage.middle());
    const step = stage.cursor === null ? 0 : stepPx / stage.view.zoom;
    const to = stage.inside([from[0] + dx * step, from[1] + dy * step]);
    stage.cursor = to;
    this.element.dataset.by = "keys";
    stage.keepInView(to);
    if (this.keyPressed) stage.tool?.drag?.([to]);
    else stage.tool?.hover?.(to);
    pointAt(to);
    stage.refresh("hud");
  }

  private pressCursor(at: Point): void {
    const { tool: held } = this.stage;
    if (held === null) return;
    if (this.keyPressed) {
      this.keyPressed = false;
      held.release?.(at);
    } else {
      held.press(at);
      if (held.drags) this.keyPressed = true;
      else held.release?.(at);
    }
    this.stage.refresh("hud");
  }

  private blur(): void {
    this.letGo();
    this.element.dataset.by = "keys";
  }

  /** Ends a stroke of the keys where it is. */
  private letGo(): void {
    this.spaceHeld = false;
    if (!this.keyPressed || this.stage.cursor === null) return;
    this.keyPressed = false;
    this.stage.tool?.release?.(this.stage.cursor);
  }

  private hideCursor(): void {
    if (this.stage.cursor === null || this.keyPressed) return;
    this.stage.cursor = null;
    this.stage.refresh("hud");
  }
}

/** Takes the class of what lies at a point into the hand. */
async function pickClass([x, y]: Point): Promise<void> {
  const image = current.value;
  if (image === null) return;
  const found = await fetchPoint(image.id, x, y, AbortSignal.timeout(3000)).catch(() => null);
  const index = found?.label?.class ?? found?.proposal?.class;
  if (index !== undefined) chooseClass(index);
}

const ARROWS: Record<string, Point> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
