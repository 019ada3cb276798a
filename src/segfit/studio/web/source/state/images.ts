/** The images of the folder, loaded page by page as the filmstrip comes to them. */

import { signal } from "@preact/signals";
import { fetchImages } from "../api/client";
import type { ImageEntry, Order } from "../api/types";
import { tellError } from "./app";

const PAGE = 200;

export const total = signal<number | null>(null);
export const order = signal<Order>("name");
/** Changes whenever an entry does: the lists below are not signals, they may hold 100,000. */
export const listVersion = signal(0);

const entries = new Map<number, ImageEntry>();
const places = new Map<number, number>();
const asked = new Set<number>();
const epoch = { now: 0 };
/** What was asked for last: what is on screen. */
const seen = { from: 0, to: PAGE - 1 };

export const entryAt = (place: number): ImageEntry | undefined => entries.get(place);
export const placeOf = (id: number): number | undefined => places.get(id);

function put(place: number, entry: ImageEntry): void {
  const before = entries.get(place);
  if (before !== undefined && places.get(before.id) === place) places.delete(before.id);
  entries.set(place, entry);
  places.set(entry.id, place);
}

/** Loads the entries of places `from` to `to` that are not there yet. */
export async function loadPlaces(from: number, to: number): Promise<void> {
  seen.from = from;
  seen.to = to;
  const pages: number[] = [];
  for (let page = Math.floor(Math.max(0, from) / PAGE); page * PAGE <= to; page++) {
    if (!asked.has(page) && (total.value === null || page * PAGE < total.value)) pages.push(page);
  }
  const mine = epoch.now;
  await Promise.all(
    pages.map(async (page) => {
      asked.add(page);
      try {
        const list = await fetchImages(page * PAGE, PAGE, order.value);
        if (mine !== epoch.now) return;
        for (const [offset, entry] of list.images.entries()) put(page * PAGE + offset, entry);
        total.value = list.total;
        for (const place of entries.keys()) if (place >= list.total) entries.delete(place);
        listVersion.value++;
      } catch (error) {
        asked.delete(page);
        if (total.value === null) throw error;
        tellError(error, "Some images are not listed yet");
      }
    }),
  );
}

/** Takes what is known of the list for old; it stays until what is on screen was asked for again. */
export async function reloadImages(): Promise<void> {
  epoch.now++;
  asked.clear();
  await loadPlaces(seen.from, seen.to);
}

export async function orderBy(choice: Order): Promise<void> {
  order.value = choice;
  entries.clear();
  places.clear();
  await reloadImages();
}

export function updateEntry(id: number, change: Partial<ImageEntry>): void {
  const place = places.get(id);
  const entry = place === undefined ? undefined : entries.get(place);
  if (place === undefined || entry === undefined) return;
  entries.set(place, { ...entry, ...change });
  listVersion.value++;
}
