// A clock for tests: it runs when it is told to, and can sleep.
import type { Clock } from "../../src/client/awake.ts";

interface Timer {
  at: number;
  run(): void;
}

export class TestClock implements Clock {
  #now = 1_800_000_000_000;
  #ran = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#now;
  }

  setTimeout(run: () => void, ms: number): unknown {
    const timer = { at: this.#ran + ms, run };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }

  /** Time goes by, and timers run when they are due. */
  run(ms: number): void {
    const end = this.#ran + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#now += Math.max(0, due.at - this.#ran);
      this.#ran = Math.max(this.#ran, due.at);
      this.#timers.delete(due);
      due.run();
    }
    this.#now += end - this.#ran;
    this.#ran = end;
  }

  /** The calendar goes on and nothing runs; every timer that was due meanwhile runs at the end, once. */
  sleep(ms: number): void {
    this.#now += ms;
    this.#ran += ms;
    const due = [...this.#timers].filter(({ at }) => at <= this.#ran).sort((a, b) => a.at - b.at);
    for (const timer of due) {
      if (this.#timers.delete(timer)) timer.run();
    }
  }
}
