/** What every tool is: something that a pointer, a pen, a finger or the keys press, drag and let go. */

import type { Operation, Point } from "../api/types";
import type { Hud } from "../stage/hud";
import type { Ink } from "../stage/ink";
import type { View } from "../stage/view";

/** What a tool may use of the stage. */
export interface Desk {
  readonly image: number;
  readonly ink: Ink;
  readonly view: () => View;
  /** Puts an operation in line; `group` joins pieces of one stroke. */
  readonly submit: (operation: Operation, group?: string) => void;
  /** Asks for the lines over the image to be drawn again. */
  readonly redraw: () => void;
}

export interface Tool {
  /** Whether the keys press at one place and let go at another (else a press is a click). */
  readonly drags: boolean;
  /** Whether the circle of the brush is the cursor. */
  readonly round?: boolean;
  press(at: Point): void;
  drag?(points: Point[]): void;
  release?(at: Point): void;
  hover?(at: Point | null): void;
  /** Enter, Escape and Backspace; says whether the tool had a use for it. */
  key?(key: string): boolean;
  /** Drops what is half drawn. */
  cancel(): void;
  /** The hand takes another tool or image. */
  close?(): void;
  paint?(hud: Hud): void;
}
