// When a page wakes, and when it goes. Reads the platform only when it is asked; knows no connection.

/** What the page does. */
export interface PageEvents {
  /** It runs again, or is seen again, or has a network again. */
  woke(): void;
  /** It may be gone after this: what is to be kept is kept now. */
  hidden(): void;
  /** It goes: for good, or into the browser's cache, from which it may come back. */
  gone(isForGood: boolean): void;
}

/** Listens to the page, or the worker, or nothing where there is neither; what it returns takes that back. */
export function watchPage(events: PageEvents): () => void {
  const page = globalThis.document as Document | undefined;
  const stop = new AbortController();
  const listen = (target: EventTarget | undefined, name: string, run: (event: Event) => void) =>
    target?.addEventListener?.(name, run, { signal: stop.signal });
  const global = globalThis as unknown as EventTarget;
  listen(global, "online", events.woke);
  listen(page, "resume", events.woke);
  listen(page, "freeze", events.hidden);
  listen(page, "visibilitychange", () =>
    (page?.visibilityState === "visible" ? events.woke : events.hidden)(),
  );
  if (page) {
    listen(global, "pageshow", events.woke);
    listen(global, "pagehide", event => {
      events.hidden();
      events.gone(!(event as PageTransitionEvent).persisted);
    });
  }
  return () => stop.abort();
}
