/** The image that is open: what the server says of it, and what changes it. */

import { computed, signal } from "@preact/signals";
import { explain, fetchImage, fetchUnsure, Refused, tileAddress } from "../api/client";
import {
  type Box,
  type ImageChange,
  type ImageDetail,
  type ImageState,
  OUTSIDE,
  type Outcome,
  type UnsurePlace,
} from "../api/types";
import { classes, project, tell, tellError } from "./app";
import { entryAt, loadPlaces, placeOf, total, updateEntry } from "./images";

export const current = signal<ImageDetail | null>(null);
/** The image that is asked for; differs from `current` while it loads. */
export const wantedId = signal<number | null>(null);
/** Whether a proposal is on its way: labels changed, and there are two classes to learn from. */
export const expectsProposal = signal(false);
const PATIENCE_MS = 20_000;
const expecting = { timer: 0 };

function expectProposal(justDrawn: number | null): void {
  const drawn = classes.value.filter(({ index, pixels }) => pixels > 0 || index === justDrawn);
  if (drawn.length < 2 || project.value?.source !== "strokes") return;
  expectsProposal.value = true;
  clearTimeout(expecting.timer);
  expecting.timer = window.setTimeout(() => {
    expectsProposal.value = false;
  }, PATIENCE_MS);
}

/** Whether the machine proposes something for the open image. */
export const proposed = computed(() => (current.value?.proposal_rev ?? 0) > 0);
export const openFailed = signal<string | null>(null);
export const unsure = signal<UnsurePlace[]>([]);
export const unsureAt = signal(-1);
/** Whether nothing was ever drawn in this folder. */
export const untouched = computed(
  () => current.value?.rev === 0 && classes.value.every(({ pixels }) => pixels === 0),
);

/** The newest revisions that were heard of, by image. */
const latest = new Map<number, number>();

function hear(id: number, rev: number): void {
  latest.set(id, Math.max(rev, latest.get(id) ?? 0));
}

const MOST_ASKED = 3;

/** Proposals that were heard of since their image was asked for. */
const proposedSince = new Map<number, number>();

/** An image as it is now: an answer that is older than what was heard meanwhile is asked for again. */
async function fetchNewest(id: number): Promise<ImageDetail> {
  proposedSince.delete(id);
  let detail = await fetchImage(id);
  for (let asked = 1; asked < MOST_ASKED && detail.rev < (latest.get(id) ?? 0); asked++)
    detail = await fetchImage(id);
  return { ...detail, proposal_rev: proposedSince.get(id) ?? detail.proposal_rev };
}

type LabelsChanged = (dirty: Box | null, rev: number) => void;
const watchers = new Set<LabelsChanged>();

/** Calls `watcher` when labels of the open image change; a null box means all of it. */
export function onLabels(watcher: LabelsChanged): void {
  watchers.add(watcher);
}

export async function openImage(id: number): Promise<void> {
  if (wantedId.value === id && current.value?.id === id) return;
  wantedId.value = id;
  openFailed.value = null;
  try {
    const detail = await fetchNewest(id);
    if (wantedId.value !== id) return;
    current.value = detail;
    unsure.value = [];
    unsureAt.value = -1;
    updateEntry(id, {
      state: detail.state,
      rev: detail.rev,
      width: detail.width,
      height: detail.height,
    });
    history.replaceState(null, "", `#image=${id}`);
    if (detail.depth_note !== "") tell("info", detail.depth_note);
    setTimeout(() => prefetchBeside(id), 300);
  } catch (error) {
    if (wantedId.value !== id) return;
    current.value = null;
    openFailed.value = explain(error);
    if (error instanceof Refused) updateEntry(id, { problem: error.detail });
  }
}

/** Reads the open image again, after the connection was gone. */
export async function reloadImage(): Promise<void> {
  const id = current.value?.id ?? wantedId.value;
  if (id === null) return;
  const before = current.value?.rev;
  const detail = await fetchNewest(id);
  if (wantedId.value !== id) return;
  current.value = detail;
  if (before !== undefined && before !== detail.rev) notify(null, detail.rev);
}

/** Leaves the open image for the one that stands at its place now, if its file is gone. */
export async function leaveGone(): Promise<void> {
  const image = current.value;
  const place = image === null ? undefined : placeOf(image.id);
  if (image === null || place === undefined) return;
  const now = entryAt(place);
  if (now?.id === image.id) return;
  const gone = await fetchImage(image.id).then(
    () => false,
    (error) => error instanceof Refused && error.status === 404,
  );
  if (!gone || current.value?.id !== image.id) return;
  tell("warning", `${image.name} is no longer in the folder. Its labels are kept.`);
  const next = entryAt(Math.min(place, (total.value ?? 1) - 1));
  if (total.value === 0 || next === undefined) close();
  else await openImage(next.id);
}

function close(): void {
  current.value = null;
  wantedId.value = null;
  openFailed.value = null;
  history.replaceState(null, "", "#");
}

/** Opens the image `steps` places further in the filmstrip. */
export async function step(steps: number): Promise<void> {
  const id = wantedId.value;
  const place = id === null ? undefined : placeOf(id);
  if (place === undefined || total.value === null) return;
  const next = Math.min(total.value - 1, Math.max(0, place + steps));
  await loadPlaces(next, next);
  const entry = entryAt(next);
  if (entry !== undefined) await openImage(entry.id);
}

/** Fetches what the neighbors in the filmstrip show first, so that they open at once. */
function prefetchBeside(id: number): void {
  const place = placeOf(id);
  if (place === undefined || current.value?.id !== id) return;
  for (const entry of [entryAt(place + 1), entryAt(place - 1)]) {
    if (entry === undefined || entry.problem !== null) continue;
    fetchImage(entry.id)
      .then((detail) => {
        const level = Math.max(0, detail.levels - 1);
        const span = detail.tile * 2 ** level;
        const addresses: string[] = [];
        for (let y = 0; y * span < detail.height; y++)
          for (let x = 0; x * span < detail.width; x++)
            addresses.push(tileAddress(detail, level, x, y));
        return Promise.all(addresses.slice(0, 8).map((address) => fetch(address)));
      })
      .catch(() => undefined);
  }
}

/** Takes over what an operation, an undo or a redo of this page did; `drawn`: the class, if any. */
export function takeOutcome(id: number, outcome: Outcome, drawn: number | null): void {
  hear(id, outcome.rev);
  updateEntry(id, { state: outcome.state, rev: outcome.rev });
  const image = current.value;
  if (image?.id !== id) return;
  current.value = {
    ...image,
    rev: Math.max(image.rev, outcome.rev),
    state: outcome.state,
    can_undo: outcome.can_undo,
    can_redo: outcome.can_redo,
  };
  notify(outcome.dirty, outcome.rev);
  if (outcome.dirty !== null && outcome.state !== "done") expectProposal(drawn);
}

/** Takes over what somebody else, or another program, did. */
export function takeChange(change: ImageChange): void {
  const { id, rev, state, dirty, can_undo, can_redo } = change;
  hear(id, rev);
  if (state === "problem") return;
  updateEntry(id, { state, rev, problem: null });
  const image = current.value;
  if (openFailed.value !== null && wantedId.value === id) void openImage(id);
  if (image?.id !== id || image.rev >= rev) return;
  current.value = { ...image, rev, state, can_undo, can_redo };
  notify(dirty, rev);
  if (change.kind === OUTSIDE && can_undo)
    tell(
      "warning",
      "Another program changed this image's labels. They are shown as they are now; undo brings yours back.",
    );
}

export function takeProposal(id: number, rev: number): void {
  proposedSince.set(id, rev);
  const image = current.value;
  if (image?.id !== id) return;
  current.value = { ...image, proposal_rev: rev };
  expectsProposal.value = false;
  unsure.value = [];
  unsureAt.value = -1;
}

function notify(dirty: Box | null, rev: number): void {
  for (const watcher of watchers) watcher(dirty, rev);
}

/** Takes over that an image is done, or not. */
export function takeState(id: number, state: ImageState): void {
  updateEntry(id, { state });
  if (current.value?.id === id) current.value = { ...current.value, state };
}

/** Goes to the next place of which the machine is least sure; loads them at the first call. */
export async function nextUnsure(): Promise<UnsurePlace | null> {
  const image = current.value;
  if (image === null) return null;
  if (unsure.value.length === 0) {
    try {
      unsure.value = (await fetchUnsure(image.id)).places;
    } catch (error) {
      tellError(error, "The least sure places are not known");
      return null;
    }
    if (unsure.value.length === 0) {
      tell("info", "Nothing is proposed here yet: draw a stroke of two classes first.");
      return null;
    }
  }
  unsureAt.value = (unsureAt.value + 1) % unsure.value.length;
  return unsure.value[unsureAt.value] ?? null;
}
