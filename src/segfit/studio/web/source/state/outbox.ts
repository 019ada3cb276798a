/** What was drawn and is not yet with the server: kept, sent in order, sent again. */

import { computed, effect, signal, untracked } from "@preact/signals";
import {
  explain,
  fetchProject,
  Refused,
  saveState,
  sendOperation,
  sendStep,
  sentence,
  Unreachable,
} from "../api/client";
import type { Box, Operation, Outcome } from "../api/types";
import { connected, project, tell, untell } from "./app";
import { current, takeOutcome, takeState } from "./current";

export interface Entry {
  id: string;
  image: number;
  /** The revision that was on screen when it was drawn. */
  rev: number;
  step: Operation | { kind: "undo" } | { kind: "redo" } | { kind: "done"; done: boolean };
  group: string | null;
  /** When it was drawn, in ms. */
  drawn: number;
}

export interface Conflict {
  entry: Entry;
  /** The revision that their change made. */
  rev: number;
  who: string | null;
  dirty: Box | null;
}

/** What waits or is on its way, oldest first. */
export const waiting = signal<Entry[]>([]);
/** What the server has, but whose tiles are not on screen yet: still drawn as ink. */
export const settling = signal<{ entry: Entry; dirty: Box; rev: number }[]>([]);
export const conflict = signal<Conflict | null>(null);
export const unsent = computed(() => waiting.value.length);

const GONE = "server-gone";
/** Why nothing can be sent, as a sentence; null while it can, or is not known yet. */
const gone = signal<string | null>(null);
const state = { sending: false, wait_ms: 500, timer: 0 };
const storageName = (id = "") => `segfit-outbox:${project.value?.folder ?? ""}:${id}`;

/** Every entry lies by itself: two tabs never overwrite each other's, and one sent twice counts once. */
function store(entry: Entry): void {
  try {
    localStorage.setItem(storageName(entry.id), JSON.stringify(entry));
  } catch {
    // No storage, or it is full: the change stays in memory.
  }
}

function unstore(entry: Entry): void {
  try {
    localStorage.removeItem(storageName(entry.id));
  } catch {
    // Nothing was stored either.
  }
}

/** Takes up what an earlier visit could not send. Call once the project is known. */
export function restore(): void {
  const kept: Entry[] = [];
  try {
    for (const key of Object.keys(localStorage)) {
      if (!key.startsWith(storageName())) continue;
      kept.push(JSON.parse(localStorage.getItem(key) ?? ""));
    }
  } catch {
    // No storage, or another program wrote there: there is nothing to take up.
  }
  if (kept.length === 0) return;
  waiting.value = [...kept.sort((a, b) => a.drawn - b.drawn), ...waiting.value];
  tell("info", `${countChanges(kept.length)} from before, sent now.`);
  void sendAll();
}

const countChanges = (n: number) => (n === 1 ? "1 change" : `${n} changes`);

/** A random name; `crypto.randomUUID` is missing where a page comes from another machine by http. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Puts an operation of the open image in line. */
export function submit(step: Entry["step"], group: string | null = null): void {
  const image = current.value;
  if (image === null) return;
  if (project.value?.read_only) {
    tell(
      "warning",
      `Nothing can be saved here: ${project.value.why_read_only ?? "the folder is read-only"}.`,
      "read-only",
    );
    return;
  }
  const entry = { id: newId(), image: image.id, rev: image.rev, step, group, drawn: Date.now() };
  waiting.value = [...waiting.value, entry];
  store(entry);
  void sendAll();
}

export async function sendAll(): Promise<void> {
  if (state.sending || conflict.value !== null) return;
  state.sending = true;
  clearTimeout(state.timer);
  try {
    while (waiting.value[0] !== undefined && conflict.value === null) {
      if (!(await sendFirst(waiting.value[0]))) break;
    }
  } finally {
    state.sending = false;
  }
}

async function sendFirst(entry: Entry): Promise<boolean> {
  try {
    const outcome = await deliver(entry);
    state.wait_ms = 500;
    connected.value = true;
    gone.value = null;
    finish(entry, outcome);
    return true;
  } catch (error) {
    if (isPassing(error)) {
      connected.value = false;
      gone.value = explain(error);
      state.timer = window.setTimeout(() => void sendAll(), state.wait_ms);
      state.wait_ms = Math.min(5000, state.wait_ms * 2);
      return false;
    }
    if (error instanceof Refused && error.status === 409) {
      const { rev, who, dirty } = error.body as { rev?: number; who?: string; dirty?: Box };
      conflict.value = { entry, rev: rev ?? entry.rev, who: who ?? null, dirty: dirty ?? null };
      return false;
    }
    drop(entry);
    tell("warning", `${sentence(explain(error))} Nothing was changed.`);
    return true;
  }
}

/** Sends an entry; what is only said of an image has no outcome. */
async function deliver(entry: Entry): Promise<Outcome | null> {
  const { step } = entry;
  if (step.kind === "done") {
    const state = step.done ? "done" : "corrected";
    await saveState(entry.image, state);
    takeState(entry.image, state);
    return null;
  }
  if (step.kind === "undo" || step.kind === "redo")
    return sendStep(entry.image, step.kind, entry.id);
  const rev = Math.max(entry.rev, revOfMine.get(entry.image) ?? 0);
  const group = entry.group === null ? {} : { group: entry.group };
  return sendOperation(entry.image, { ...step, rev, id: entry.id, ...group });
}

/** The last revision that this page itself made of an image: its own work is no conflict. */
const revOfMine = new Map<number, number>();

function finish(entry: Entry, outcome: Outcome | null): void {
  drop(entry);
  if (outcome === null) return;
  revOfMine.set(entry.image, outcome.rev);
  if (outcome.dirty !== null && current.value?.id === entry.image) {
    settling.value = [...settling.value, { entry, dirty: outcome.dirty, rev: outcome.rev }];
  }
  const drawn = "class" in entry.step ? (entry.step.class ?? null) : null;
  takeOutcome(entry.image, outcome, drawn);
  if (outcome.message !== null) tell("info", outcome.message);
}

function drop(entry: Entry): void {
  waiting.value = waiting.value.filter((other) => other.id !== entry.id);
  unstore(entry);
}

/** Ends a conflict: my change is drawn again over theirs, or theirs stays. */
export function resolve(choice: "mine" | "theirs"): void {
  const found = conflict.value;
  if (found === null) return;
  if (choice === "theirs") drop(found.entry);
  else {
    const again = { ...found.entry, id: newId(), rev: found.rev };
    store(again);
    unstore(found.entry);
    waiting.value = waiting.value.map((entry) => (entry === found.entry ? again : entry));
  }
  conflict.value = null;
  void sendAll();
}

/** Not signed in any more, too busy, no room on the disk, no server: what may be well a little later. */
const PASSING = new Set([401, 408, 429, 502, 503, 504, 507]);

const isPassing = (error: unknown): boolean =>
  error instanceof Unreachable || (error instanceof Refused && PASSING.has(error.status));

// The notice about it follows what is kept, for as long as nothing can be sent.
effect(() => {
  const why = gone.value;
  const changes = unsent.value;
  const rest =
    changes > 0
      ? `${countChanges(changes)} kept in this browser; sent as soon as it is possible.`
      : "All that you drew is saved; you can go on drawing.";
  untracked(() => (why === null ? untell(GONE) : tell("error", `${why} ${rest}`, GONE)));
});

/** Says whether the server is there; called by the event stream. */
export async function noteConnection(there: boolean): Promise<void> {
  connected.value = there;
  if (there) {
    if (unsent.value === 0) gone.value = null;
    void sendAll();
    return;
  }
  // The stream tells no reason; a question does.
  const why = await fetchProject().then(() => null, explain);
  if (why === null) connected.value = true;
  if (!connected.value) gone.value = why;
}
