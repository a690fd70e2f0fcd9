// How long to wait before the next try. Pure: chance is given.
import type { Next } from "../spec.ts";

/** How often and how slowly a lost connection is tried again. */
export interface Reconnect {
  /** Tries before the client gives up. 100 unless set. */
  attemptsMax?: number;
  /** The first pause of a try that comes later, in milliseconds. 500 unless set. */
  firstMs?: number;
  /** The longest pause, in milliseconds. 20,000 unless set. */
  maxMs?: number;
}

/** The longest jitter of a try that may come at once. */
const NOW_JITTER_MS = 300;

/**
 * The pause before try number `attempt` (from 1) in milliseconds, spread by `chance` (0 to 1) so that the members
 * of a room do not come back all at once. The first try that may come at once does; later ones back off.
 */
export function delayMs(next: Next, attempt: number, chance: number, reconnect: Reconnect = {}): number {
  const { firstMs = 500, maxMs = 20_000 } = reconnect;
  if ((next === "now" || next === "token") && attempt <= 1) return NOW_JITTER_MS * chance;
  return Math.min(firstMs * 2 ** Math.min(attempt - 1, 16), maxMs) * (0.5 + chance / 2);
}
