/** What the hand holds: tool, class, sizes; and what of the labels is shown. */

import { computed, effect, signal } from "@preact/signals";
import type { ClassEntry } from "../api/types";
import { classes, remembered } from "./app";

export const TOOLS = [
  "brush",
  "eraser",
  "region",
  "rectangle",
  "outline",
  "fill",
  "hole",
  "split",
  "merge",
  "delete",
  "change",
  "smooth",
  "accept-rectangle",
] as const;
export type ToolName = (typeof TOOLS)[number];

export interface ToolText {
  title: string;
  key: string;
  /** What to do with it, in a sentence. */
  hint: string;
}

export const TOOL_TEXTS: Record<ToolName, ToolText> = {
  brush: { title: "Brush", key: "b", hint: "Draw over what belongs to the class." },
  eraser: { title: "Eraser", key: "e", hint: "Draw over labels to take them away." },
  region: {
    title: "Region",
    key: "r",
    hint: "The wheel makes the region larger or smaller, a click gives it to the class.",
  },
  rectangle: {
    title: "Rectangle",
    key: "t",
    hint: "Draw a box around an object: it is found in it.",
  },
  outline: {
    title: "Outline",
    key: "o",
    hint: "Click corner by corner or draw around it; Enter or the first corner closes.",
  },
  fill: { title: "Fill", key: "f", hint: "Click into an area that labels enclose." },
  hole: { title: "Hole", key: "h", hint: "Draw around what is to be cut out." },
  split: { title: "Split", key: "k", hint: "Draw a line through an object that is two." },
  merge: { title: "Merge", key: "j", hint: "Draw a stroke over the objects that are one." },
  delete: { title: "Delete", key: "x", hint: "Click an object to take its label away." },
  change: { title: "Change class", key: "c", hint: "Click an object to give it to the class." },
  smooth: { title: "Smooth", key: "s", hint: "Click an object to smooth its outline." },
  "accept-rectangle": {
    title: "Accept in a box",
    key: "",
    hint: "Draw a box: what is proposed in it becomes labels.",
  },
};

export const EDITING: ToolName[] = ["hole", "split", "merge", "delete", "change", "smooth"];

export const tool = signal<ToolName>("brush");
export const radius = remembered<number>("radius", 6);
/** Counts how often the regions of an image became known: who waits for them asks again. */
export const regionsFound = signal(0);
/** The scale of regions that is asked for, 0 the finest. */
export const scale = signal(3);
/** What there is at the pointer, which may have fewer: the scale that is shown, and how many. */
export const shownScale = signal({ scale: 3, scales: 8 });
export const snapping = remembered<boolean>("snap", true);

const chosenIndex = signal<number | null>(null);
/** The class that is drawn: the chosen one, else the second (the first is often the background). */
export const activeClass = computed<ClassEntry | null>(() => {
  const all = classes.value;
  return all.find((entry) => entry.index === chosenIndex.value) ?? all[1] ?? all[0] ?? null;
});
export function chooseClass(index: number): void {
  chosenIndex.value = index;
}

export const hidden = signal<ReadonlySet<number>>(new Set());
export function toggleHidden(index: number): void {
  const next = new Set(hidden.value);
  if (!next.delete(index)) next.add(index);
  hidden.value = next;
}

export const patterns = remembered<boolean>(
  "patterns",
  matchMedia("(prefers-contrast: more)").matches,
);
/** False while only the image is to be seen. */
export const labelsShown = signal(true);
export const proposalShown = signal(true);
export const proposalOpacity = remembered<number>("opacity", 0.4);
/** While set, only proposals at least this sure are shown: what "all surer than" would accept. */
export const surerThan = signal<number | null>(null);
export const sureness = remembered<number>("surer", 0.9);

/** How the image is shown, as factors; the image itself stays as it is. */
export const brightness = remembered<number>("brightness", 1);
export const contrast = remembered<number>("contrast", 1);

export const panelsShown = signal(true);

export function changeRadius(factor: number): void {
  radius.value = Math.min(400, Math.max(0.5, Math.round(radius.value * factor * 10) / 10));
}

/** Makes regions larger or smaller, from the one that is shown. */
export function changeScale(steps: number): void {
  const { scale: from, scales } = shownScale.value;
  if (scales === 0) return;
  scale.value = Math.min(scales - 1, Math.max(0, from + steps));
  shownScale.value = { scale: scale.value, scales };
}

effect(() => {
  const known = new Set(classes.value.map((entry) => entry.index));
  const kept = [...hidden.peek()].filter((index) => known.has(index));
  if (kept.length !== hidden.peek().size) hidden.value = new Set(kept);
});
