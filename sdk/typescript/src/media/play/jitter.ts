// How long what has come is held back before it is played. Pure: times are given, in milliseconds.

/** The bounds of the delay, in milliseconds. */
export interface Latency {
  /** The least delay of sound, and of pictures that have sound. 40 unless set. */
  readonly min: number;
  /** The largest delay. What is older is let go. 400 unless set. */
  readonly max: number;
}

/** How a delay follows the jitter. */
export interface Pace {
  readonly startMs: number;
  readonly marginMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  readonly downMsPerS: number;
}

/** With sound: a gap is heard, so the delay has a margin and goes down too slowly to be heard. */
export function soundPace({ min, max }: Latency): Pace {
  return { startMs: 60, marginMs: 20, minMs: min, maxMs: max, downMsPerS: 1 };
}

/** Pictures alone: one that is late is shown late, so they wait for their usual jitter and no longer. */
export function picturePace({ max }: Latency): Pace {
  return { startMs: 0, marginMs: 0, minMs: 0, maxMs: max, downMsPerS: 100 };
}

/** What counts is how late things came in this time. */
const WINDOW_MS = 5000;
const SHARE = 0.95;

/** How late things came in the last five seconds. */
export class Jitter {
  #samples: { readonly atMs: number; readonly lateMs: number }[] = [];
  #usualMs: number | undefined;

  /** Something came `lateMs` later than the fastest. */
  add(lateMs: number, nowMs: number): void {
    this.#samples.push({ atMs: nowMs, lateMs });
    this.#usualMs = undefined;
    const old = this.#samples.findIndex(({ atMs }) => atMs > nowMs - WINDOW_MS);
    if (old > 0) this.#samples.splice(0, old);
  }

  /** 95 of 100 came no later than this. */
  get usualMs(): number {
    if (this.#usualMs !== undefined) return this.#usualMs;
    const sorted = Float64Array.from(this.#samples, ({ lateMs }) => lateMs).sort();
    this.#usualMs = sorted[Math.ceil(sorted.length * SHARE) - 1] ?? 0;
    return this.#usualMs;
  }
}

/** A delay that follows the jitter: up at once, down slowly. */
export class Delay {
  readonly #pace: Pace;
  #ms: number;
  #atMs: number | undefined;

  constructor(pace: Pace) {
    this.#pace = pace;
    this.#ms = this.#within(pace.startMs);
  }

  get ms(): number {
    return this.#ms;
  }

  /** The jitter is this now. */
  follow(jitterMs: number, nowMs: number): void {
    const { marginMs, downMsPerS } = this.#pace;
    const down = ((nowMs - (this.#atMs ?? nowMs)) / 1000) * downMsPerS;
    this.#atMs = nowMs;
    this.#ms = this.#within(Math.max(jitterMs + marginMs, this.#ms - down));
  }

  #within(ms: number): number {
    return Math.min(Math.max(ms, this.#pace.minMs), this.#pace.maxMs);
  }
}
