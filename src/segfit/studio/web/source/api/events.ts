/** What happens on the server, as it happens; reconnects by itself. */

import type { Events } from "./types";

type Handlers = { [Name in keyof Events]: (event: Events[Name]) => void };

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5000;

/**
 * Listens until the page closes; `connected` is called at every change, and after each return.
 *
 * A page that is not looked at listens to nothing: browsers open six connections to a server, and
 * each listening tab holds one.
 */
export function listen(handlers: Handlers, connected: (yes: boolean) => void): void {
  const state = { source: null as EventSource | null, wait_ms: FIRST_WAIT_MS };

  function open(): void {
    if (state.source !== null || document.hidden) return;
    const source = new EventSource("/api/events");
    state.source = source;
    source.onopen = () => {
      state.wait_ms = FIRST_WAIT_MS;
      connected(true);
    };
    source.onerror = () => {
      // The browser tries again by itself only while the server answers at all.
      close();
      connected(false);
      setTimeout(open, state.wait_ms);
      state.wait_ms = Math.min(LONGEST_WAIT_MS, state.wait_ms * 2);
    };
    for (const name of Object.keys(handlers) as (keyof Events)[]) {
      const handle = handlers[name] as (event: unknown) => void;
      source.addEventListener(name, (event) => handle(JSON.parse((event as MessageEvent).data)));
    }
  }

  function close(): void {
    state.source?.close();
    state.source = null;
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else open();
  });
  open();
}
