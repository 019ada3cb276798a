/** The keys that work wherever the focus is, except where text is typed. */

import { canUndo } from "./panels/bar";
import { stage } from "./panels/stage_view";
import { goToNextUnsure } from "./panels/status";
import { classes, dialog, frozen, page } from "./state/app";
import { current, proposed, step } from "./state/current";
import { conflict, submit } from "./state/outbox";
import {
  changeRadius,
  changeScale,
  chooseClass,
  labelsShown,
  panelsShown,
  proposalShown,
  TOOL_TEXTS,
  TOOLS,
  tool,
} from "./state/tools";

const larger = (sign: 1 | -1) => {
  if (tool.value === "region") changeScale(sign);
  else changeRadius(sign > 0 ? 1.2 : 1 / 1.2);
};

const ALWAYS: Record<string, () => void> = {
  "?": () => {
    dialog.value = "help";
  },
};

const LOOKING: Record<string, () => void> = {
  PageDown: () => void step(1),
  PageUp: () => void step(-1),
  ".": () => void step(1),
  ",": () => void step(-1),
  "+": () => stage.value?.zoomBy(1.4),
  "=": () => stage.value?.zoomBy(1.4),
  "-": () => stage.value?.zoomBy(1 / 1.4),
  z: () => stage.value?.fit(),
  Z: () => stage.value?.actualSize(),
  "[": () => larger(-1),
  "]": () => larger(1),
  n: () => void goToNextUnsure(),
  p: () => {
    proposalShown.value = !proposalShown.value;
  },
  q: () => {
    labelsShown.value = !labelsShown.value;
  },
  "\\": () => {
    panelsShown.value = !panelsShown.value;
  },
};

const CHANGING: Record<string, () => void> = {
  a: () => {
    if (stage.value?.tool?.key?.("a")) return;
    if (proposed.value) submit({ kind: "accept", what: "all" });
  },
  d: () => submit({ kind: "done", done: current.value?.state !== "done" }),
};

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.matches("input:not([type=range], [type=checkbox], [type=radio]), select, textarea") ||
    target.isContentEditable);

function handle(event: KeyboardEvent): boolean {
  const { key } = event;
  if (ALWAYS[key] !== undefined) return run(ALWAYS[key]);
  if (page.value !== "image") return false;
  if (event.ctrlKey || event.metaKey) {
    if (frozen.value) return false;
    const again = (key.toLowerCase() === "z" && event.shiftKey) || key.toLowerCase() === "y";
    if (again) return current.value?.can_redo ? run(() => submit({ kind: "redo" })) : true;
    if (key.toLowerCase() === "z") return canUndo() ? run(() => submit({ kind: "undo" })) : true;
    return false;
  }
  if (LOOKING[key] !== undefined) return run(LOOKING[key]);
  const chosen = classes.value.find((entry) => entry.key !== "" && entry.key === key);
  if (chosen !== undefined) return run(() => chooseClass(chosen.index));
  if (frozen.value) return false;
  if (CHANGING[key] !== undefined) return run(CHANGING[key]);
  const named = TOOLS.find((name) => TOOL_TEXTS[name].key === key);
  if (named === undefined) return false;
  tool.value = named;
  return true;
}

function run(action: () => void): boolean {
  action();
  return true;
}

/** What a mouse is done with at once: the keys belong to the image again, the space bar above all. */
const BRIEF = ".tool, .class-choice, .done, .bar-tools .icon-button:not([aria-expanded])";

export function listenForKeys(): void {
  document.addEventListener("click", ({ detail, target }) => {
    const byPointer = detail > 0;
    if (byPointer && target instanceof Element && target.closest(BRIEF)) stage.value?.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || isTyping(event.target)) return;
    if (dialog.value !== null || conflict.value !== null) return;
    if (handle(event)) event.preventDefault();
  });
}
