// When a keyframe is asked for. Pure: times are given, in milliseconds.

const ASK_INTERVAL_MS = 500;

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
