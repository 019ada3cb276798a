/** What happens on the server, as it happens; reconnects by itself. */

import type { Events } from "./types";

type Handlers = { [Name in keyof Events]: (event: Events[Name]) => void };

/** Listens until the page closes; `connected` is called at every change, and after each return. */
export function listen(handlers: Handlers, connected: (yes: boolean) => void): void {
  const wait = { ms: 500 };
  const open = () => {
    const source = new EventSource("/api/events");
    source.onopen = () => {
      wait.ms = 500;
      connected(true);
    };
    source.onerror = () => {
      // The browser tries again by itself only while the source is not closed.
      connected(false);
      source.close();
      setTimeout(open, wait.ms);
      wait.ms = Math.min(5000, wait.ms * 2);
    };
    for (const name of Object.keys(handlers) as (keyof Events)[]) {
      const handle = handlers[name] as (event: unknown) => void;
      source.addEventListener(name, (event) => handle(JSON.parse((event as MessageEvent).data)));
    }
  };
  open();
}
