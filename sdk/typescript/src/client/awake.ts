// Time in which the page itself ran. A page that sleeps, is frozen or is held to one timer a minute hears nothing
// in that time, so nothing is decided by it. Knows no connection.

/** The platform's time and timers; tests give their own. */
export interface Clock {
  /** Unix time in milliseconds. */
  now(): number;
  /** As the platform's. */
  setTimeout(run: () => void, ms: number): unknown;
  /** As the platform's. */
  clearTimeout(timer: unknown): void;
}

/** The platform's clock, read when it is asked. */
export const platformClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: timer => clearTimeout(timer as number),
};

/** No single timer is longer, so that a sleep is noticed soon after it. */
const STEP_MAX_MS = 5000;
/** A timer that differs by this much from the calendar has slept, or the calendar was set. */
const JUMP_MS = 5000;
/** What a timer gets after a jump, once. */
const EXTRA_MS = 1000;

/** Timers that count awake time alone. */
export class Awake {
  readonly clock: Clock;
  readonly #jumped: () => void;
  readonly #stops = new Set<() => void>();

  /** `jumped` is called when a timer ends at another time than it should have. */
  constructor(clock: Clock, jumped: () => void) {
    this.clock = clock;
    this.#jumped = jumped;
  }

  /**
   * Calls `run` after `ms` of awake time; what it returns takes that back. Each step counts for what it was to be.
   * A jump in the last step gives one second more: what was heard in the meantime may not have been delivered yet.
   */
  after(ms: number, run: () => void): () => void {
    const { clock } = this;
    let left = ms;
    let extended = false;
    let timer: unknown;
    const stop = () => {
      clock.clearTimeout(timer);
      this.#stops.delete(stop);
    };
    const go = () => {
      const step = Math.min(left, STEP_MAX_MS);
      const began = clock.now();
      timer = clock.setTimeout(() => {
        left -= step;
        const jumped = Math.abs(clock.now() - began - step) > JUMP_MS;
        if (jumped && left <= 0 && !extended) {
          extended = true;
          left = EXTRA_MS;
        }
        if (left > 0) go();
        else stop();
        if (left <= 0) run();
        else if (jumped) this.#jumped();
      }, step);
    };
    this.#stops.add(stop);
    go();
    return stop;
  }

  /** Takes every timer back. */
  stop(): void {
    for (const stop of this.#stops) stop();
  }
}
