// What a reloaded page takes up again: reading positions, and the ticket of a `once` token. Never a token.
import type { Saved } from "./memory.ts";

export type { Saved };

/** Where a room is kept while its page is loaded again. */
export interface Resume {
  /** What was kept. */
  load(): Saved | undefined;
  /** Keeps it; nothing: it is over. */
  save(saved: Saved | undefined): void;
}

/**
 * Keeps a room in the tab's `sessionStorage`, so that a reloaded page goes on where it was. One key for each room.
 *
 * ```ts
 * const room = await connect({ url, token, resume: sessionResume("lobby") });
 * ```
 */
export function sessionResume(key: string): Resume {
  const name = `stagedoor:${key}`;
  return {
    load() {
      try {
        return (JSON.parse(sessionStorage.getItem(name) ?? "null") as Saved | null) ?? undefined;
      } catch {
        return undefined;
      }
    },
    save(saved) {
      try {
        if (saved) sessionStorage.setItem(name, JSON.stringify(saved));
        else sessionStorage.removeItem(name);
      } catch {
        // A full or forbidden storage costs the reload its place, and nothing else.
      }
    },
  };
}
