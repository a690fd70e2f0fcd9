// The one clock of a publisher's streams, and when a frame was captured by it. Nothing here is set back.

/** Microseconds of Unix time that only go on, also when the calendar is set. */
export function nowUs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

/** How long the shortest way of a frame counts: long enough to have met one, short enough to follow a drifting device. */
const WINDOW_US = 5_000_000;
/** A source whose own time is this far from what it was has begun again. */
const JUMP_US = 2_000_000;

/**
 * Brings a source's own timestamps to the clock of the streams. A frame comes some time after it was captured; the
 * frame that came fastest tells how far the two clocks are apart.
 */
export class Stamps {
  /** The least distances of this window and of the one before. */
  #least = Number.POSITIVE_INFINITY;
  #leastBefore = Number.POSITIVE_INFINITY;
  #windowFromUs = 0;
  #lastUs = 0;

  /** When the frame was captured: never the same twice, never earlier than the one before. */
  at(timestampUs: number, nowUs: number): number {
    const distance = nowUs - timestampUs;
    if (Math.abs(distance - Math.min(this.#least, this.#leastBefore)) > JUMP_US) {
      this.#least = this.#leastBefore = Number.POSITIVE_INFINITY;
      this.#windowFromUs = nowUs;
    } else if (nowUs - this.#windowFromUs > WINDOW_US) {
      this.#leastBefore = this.#least;
      this.#least = Number.POSITIVE_INFINITY;
      this.#windowFromUs = nowUs;
    }
    this.#least = Math.min(this.#least, distance);
    const capturedUs = Math.round(timestampUs + Math.min(this.#least, this.#leastBefore));
    return this.now(capturedUs);
  }

  /** The time of a frame that is made now, of no source. */
  now(nowUs: number): number {
    this.#lastUs = Math.max(this.#lastUs + 1, nowUs);
    return this.#lastUs;
  }
}
