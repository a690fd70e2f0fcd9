// How much there was in the last second. Pure: times are given, in milliseconds.

const WINDOW_MS = 1000;

/** Counts what happens in a second. */
export class Meter {
  #events: { readonly atMs: number; readonly amount: number }[] = [];

  /** Something happened. */
  add(amount: number, nowMs: number): void {
    this.#events.push({ atMs: nowMs, amount });
    this.#forget(nowMs);
  }

  /** The sum of the last second. */
  perSecond(nowMs: number): number {
    this.#forget(nowMs);
    return this.#events.reduce((sum, { amount }) => sum + amount, 0);
  }

  #forget(nowMs: number): void {
    while ((this.#events[0]?.atMs ?? nowMs) <= nowMs - WINDOW_MS) this.#events.shift();
  }
}
