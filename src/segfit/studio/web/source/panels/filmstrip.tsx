/** The images of the folder; only those in sight are in the page, however many there are. */

import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { thumbnailAddress } from "../api/client";
import type { ImageEntry, ImageState } from "../api/types";
import { project } from "../state/app";
import { openImage, step, wantedId } from "../state/current";
import { entryAt, listVersion, loadPlaces, order, orderBy, placeOf, total } from "../state/images";

const STATE_TEXTS: Record<ImageState, string> = {
  new: "new",
  proposed: "proposed",
  corrected: "has labels",
  done: "done",
};
const AHEAD = 6;
const HEIGHT = 112;
const WIDTH = 148;
/** Whether the strip lies below the image, from left to right; a tablet that is turned changes it. */
const narrowQuery = matchMedia("(max-width: 899px)");
const narrow = signal(narrowQuery.matches);
narrowQuery.addEventListener("change", () => {
  narrow.value = narrowQuery.matches;
});

/** Rings and discs of growing fill, so that the state is seen without colors. */
const StateDot = ({ state }: { state: ImageState }) => (
  <svg
    class={`state-dot state-${state}`}
    viewBox="0 0 12 12"
    role="img"
    aria-label={STATE_TEXTS[state]}
  >
    <circle cx="6" cy="6" r="4.5" class="dot-ring" />
    {state === "proposed" && <path d="M6 1.5a4.5 4.5 0 0 1 0 9z" class="full" />}
    {(state === "corrected" || state === "done") && <circle cx="6" cy="6" r="4.5" class="full" />}
    {state === "done" && <path d="M3.7 6.2l1.6 1.6 3-3.4" class="tick" />}
  </svg>
);

function Item({
  entry,
  place,
  count,
}: {
  entry: ImageEntry | undefined;
  place: number;
  count: number;
}) {
  const item = useRef<HTMLDivElement>(null);
  const across = narrow.value;
  useLayoutEffect(() => {
    const style = item.current?.style;
    if (style === undefined) return;
    style.transform = across ? `translateX(${place * WIDTH}px)` : `translateY(${place * HEIGHT}px)`;
  }, [place, across]);
  const chosen = entry !== undefined && entry.id === wantedId.value;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list itself hears the keys
    // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus, and says which is active
    <div
      ref={item}
      id={entry && `film-${entry.id}`}
      class={chosen ? "film-item chosen" : "film-item"}
      role="option"
      aria-selected={chosen}
      aria-setsize={count}
      aria-posinset={place + 1}
      data-testid={entry ? `film-${entry.id}` : undefined}
      data-state={entry?.state}
      onClick={() => entry && void openImage(entry.id)}
    >
      {entry && (
        <>
          <img
            key={entry.problem}
            src={thumbnailAddress(entry.id)}
            alt=""
            loading="lazy"
            draggable={false}
            onError={(event) => event.currentTarget.classList.add("missing")}
          />
          <span class="film-name" title={entry.name}>
            {entry.problem === null && <StateDot state={entry.state} />}
            <span>{entry.name}</span>
          </span>
          {entry.problem !== null && (
            <span class="film-problem" title={entry.problem}>
              !
            </span>
          )}
        </>
      )}
    </div>
  );
}

export function Filmstrip() {
  const box = useRef<HTMLDivElement>(null);
  const room = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState({ from: 0, to: 20 });
  const count = total.value ?? 0;
  void listVersion.value;

  const measure = () => {
    const element = box.current;
    if (element === null) return;
    const [start, length, size] = narrow.value
      ? [element.scrollLeft, element.clientWidth, WIDTH]
      : [element.scrollTop, element.clientHeight, HEIGHT];
    const from = Math.max(0, Math.floor(start / size) - AHEAD);
    const to = Math.min(count - 1, Math.ceil((start + length) / size) + AHEAD);
    setRange((before) => (before.from === from && before.to === to ? before : { from, to }));
    void loadPlaces(from, to);
  };

  useEffect(() => {
    const observer = new ResizeObserver(measure);
    if (box.current !== null) observer.observe(box.current);
    return () => observer.disconnect();
  });
  useLayoutEffect(() => {
    if (room.current === null) return;
    room.current.style.height = narrow.value ? "" : `${count * HEIGHT}px`;
    room.current.style.width = narrow.value ? `${count * WIDTH}px` : "";
    measure();
  }, [count, listVersion.value, narrow.value]);

  // The open image is kept in sight.
  const id = wantedId.value;
  const place = id === null ? undefined : placeOf(id);
  useEffect(() => {
    const element = box.current;
    if (element === null || place === undefined) return;
    const [start, length, size] = narrow.value
      ? [element.scrollLeft, element.clientWidth, WIDTH]
      : [element.scrollTop, element.clientHeight, HEIGHT];
    if (place * size >= start && (place + 1) * size <= start + length) return;
    const to = Math.max(0, (place + 0.5) * size - length / 2);
    element.scrollTo(narrow.value ? { left: to } : { top: to });
  }, [place, narrow.value]);

  const keys = (event: KeyboardEvent) => {
    const steps = {
      ArrowDown: 1,
      ArrowRight: 1,
      ArrowUp: -1,
      ArrowLeft: -1,
      Home: -count,
      End: count,
    };
    const by = steps[event.key as keyof typeof steps];
    if (by === undefined) return;
    event.preventDefault();
    void step(by);
  };

  const items = [];
  for (let at = range.from; at <= Math.min(range.to, count - 1); at++) {
    items.push(<Item key={at} entry={entryAt(at)} place={at} count={count} />);
  }
  const done = project.value?.done ?? 0;
  return (
    <nav class="filmstrip" aria-label="Images">
      <header>
        <span class="film-count" data-testid="film-count">
          {count === 1 ? "1 image" : `${count.toLocaleString("en")} images`}
          {done > 0 && `, ${done} done`}
        </span>
        <select
          aria-label="Order of the images"
          data-testid="film-order"
          value={order.value}
          onChange={(event) => void orderBy(event.currentTarget.value as "name" | "teach")}
        >
          <option value="name">by name</option>
          <option value="teach">teaches most first</option>
        </select>
      </header>
      <div class="film-scroll" ref={box} onScroll={measure}>
        <div
          ref={room}
          class="film-list"
          role="listbox"
          aria-label="Images of the folder"
          tabIndex={0}
          aria-activedescendant={id === null ? undefined : `film-${id}`}
          data-testid="film-list"
          onKeyDown={keys}
        >
          {items}
        </div>
      </div>
    </nav>
  );
}
