// When a keyframe is asked for, and when a decoder has failed too often. Pure: times are given, in milliseconds.

const ASK_INTERVAL_MS = 500;
const FAILURES_MAX = 3;
const FAILURES_MS = 10_000;

/** The wishes for keyframes of one stream. */
export class Asks {
  #isWanted = false;
  #askedAtMs = -Infinity;

  /** Whether a keyframe is needed. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** Nothing can be decoded before the next keyframe. `expectedAtMs`: one was asked for then without us. */
  want(expectedAtMs: number = this.#askedAtMs): void {
    this.#isWanted = true;
    this.#askedAtMs = expectedAtMs;
  }

  /** The keyframe came. */
  came(): void {
    this.#isWanted = false;
  }

  /** Whether to ask for one now: while it is wanted, once in half a second. */
  ask(nowMs: number): boolean {
    if (!this.#isWanted || nowMs - this.#askedAtMs < ASK_INTERVAL_MS) return false;
    this.#askedAtMs = nowMs;
    return true;
  }
}

/** The failures of a decoder. */
export class Failures {
  #atMs: number[] = [];

  /** It failed; whether that was once too often: three times in ten seconds. */
  failed(nowMs: number): boolean {
    this.#atMs = [...this.#atMs.filter(atMs => atMs > nowMs - FAILURES_MS), nowMs];
    return this.#atMs.length >= FAILURES_MAX;
  }
}
