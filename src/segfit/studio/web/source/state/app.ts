/** What the whole page knows: the project, the connection, notices, the route, the theme. */

import { computed, effect, type Signal, signal } from "@preact/signals";
import { explain, fetchProject, saveClasses, saveName } from "../api/client";
import type { ClassDraft, ClassEntry, Note, Project } from "../api/types";

export const project = signal<Project | null>(null);
export const connected = signal(true);
export const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];
/** The classes; those without a key, such as from a file of labels, get the free ones in order. */
export const classes = computed<ClassEntry[]>(() => {
  const all = project.value?.classes ?? [];
  const free = KEYS.filter((key) => all.every((entry) => entry.key !== key));
  return all.map((entry) => (entry.key === "" ? { ...entry, key: free.shift() ?? "" } : entry));
});
export const frozen = computed(() => project.value?.read_only ?? false);

// ---------------------------------------------------------------- notices

export interface Notice extends Note {
  id: number;
  /** A notice with a key replaces the one of the same key. */
  key: string | null;
}

export const notices = signal<Notice[]>([]);
const SHOWN_MS = { info: 5000, warning: 9000, error: 20000 };
const serial = { next: 1 };

/** Shows a sentence for a while; `key` keeps one of a kind, which then stays until `untell`. */
export function tell(level: Note["level"], text: string, key: string | null = null): void {
  const id = serial.next++;
  const others = notices.value.filter(
    (notice) => notice.text !== text && (key === null || notice.key !== key),
  );
  notices.value = [...others.slice(-3), { id, level, text, key }];
  if (key === null) setTimeout(() => dismiss(id), SHOWN_MS[level]);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

/** Takes away what was said by this key; what the server said at the start has its text alone. */
export function untell(key: string, said = ""): void {
  notices.value = notices.value.filter(({ key: own, text }) => own !== key && text !== said);
}

/** Says what went wrong, after `what` was tried. */
export function tellError(error: unknown, what: string): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  tell("error", `${what}: ${explain(error)}`);
}

// ---------------------------------------------------------------- the project

export async function loadProject(): Promise<void> {
  const before = project.value;
  const first = before === null;
  const loaded = await fetchProject();
  // Another folder behind the same address: nothing of this page is true any more.
  if (before !== null && before.folder !== loaded.folder) return location.reload();
  project.value = loaded;
  if (!first) return;
  for (const note of loaded.notes) tell("info", note);
  if (loaded.read_only) {
    tell(
      "warning",
      `Nothing can be saved here: ${loaded.why_read_only ?? "the folder is read-only"}.`,
      "read-only",
    );
  }
}

const toDraft = ({ index, name, color, key, has_objects }: ClassEntry): ClassDraft => ({
  index,
  name,
  color,
  key,
  has_objects,
});

const classChanges = { last: Promise.resolve(true) };

/**
 * Changes the classes: `change` gets them as they are then, and gives them as they shall be.
 *
 * One change waits for the one before it: each needs the version that the other made.
 */
export function changeClasses(
  change: (now: ClassDraft[]) => ClassDraft[],
  dropLabels = false,
): Promise<boolean> {
  classChanges.last = classChanges.last.then(async () => {
    const now = project.value;
    if (now === null) return false;
    try {
      const drafts = change(now.classes.map(toDraft));
      project.value = await saveClasses(now.classes_version, drafts, dropLabels);
      return true;
    } catch (error) {
      tellError(error, "The classes are as they were");
      await loadProject().catch(() => undefined);
      return false;
    }
  });
  return classChanges.last;
}

/** Gives a folder without classes two to begin with; they are renamed where they stand. */
export async function offerClasses(): Promise<void> {
  const now = project.value;
  if (now === null || now.read_only || now.classes.length > 0) return;
  await changeClasses(() => [
    { index: null, name: "background", color: "#8c8c8c", key: "1", has_objects: false },
    { index: null, name: "object", color: "#e69f00", key: "2", has_objects: false },
  ]);
}

export async function introduce(name: string): Promise<void> {
  try {
    await saveName(name);
    if (project.value !== null) project.value = { ...project.value, me: name };
  } catch (error) {
    tellError(error, "The name is not saved");
  }
}

// ---------------------------------------------------------------- pages and appearance

export type Page = "image" | "judge" | "takeaway";

const pageOf = (hash: string): Page =>
  hash.startsWith("#judge") ? "judge" : hash.startsWith("#takeaway") ? "takeaway" : "image";

export const page = signal<Page>(pageOf(location.hash));
addEventListener("hashchange", () => {
  page.value = pageOf(location.hash);
});

export type Theme = "auto" | "light" | "dark";

/** Remembers a choice of this browser; a browser that forbids it forgets at the next load. */
export function remembered<T extends string | number | boolean>(
  name: string,
  fallback: T,
): Signal<T> {
  const read = (): T => {
    try {
      const text = localStorage.getItem(`segfit-${name}`);
      return text === null ? fallback : (JSON.parse(text) as T);
    } catch {
      return fallback;
    }
  };
  const value = signal<T>(read());
  effect(() => {
    try {
      localStorage.setItem(`segfit-${name}`, JSON.stringify(value.value));
    } catch {
      // Private windows may have no storage: the choice holds for this visit.
    }
  });
  return value;
}

export const theme = remembered<Theme>("theme", "auto");
effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

export const dialog = signal<"help" | null>(null);
