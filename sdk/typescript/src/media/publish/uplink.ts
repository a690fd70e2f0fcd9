// How long the line to the relay takes. `bufferedAmount` stays 0 while a second of frames lies in the system's buffer;
// only a `ping`, which is answered after everything before it, sees that. Has no timer: it is asked again and again.

/** What it asks. */
export interface UplinkRoom {
  ping(): Promise<{ readonly rttMs: number }>;
}

/** Between two pings. On a line that was slow lately the next one follows as soon as it is asked. */
const PING_MS = 500;
/** For how long the least time counts: a line may have become another one. */
const WINDOW_MS = 60_000;
/** What a line may take before it was measured. */
const UNKNOWN_MS = 1000;
/** A line that takes this much longer was full all the time. */
const FULL_MS = 100;
/** For how long it then counts as slow. */
const SLOW_MS = 5000;

/** One for each room, shared by all that is published into it. */
const uplinks = new WeakMap<UplinkRoom, Uplink>();

export class Uplink {
  readonly #room: UplinkRoom;
  #isOut = false;
  #askedMs = Number.NEGATIVE_INFINITY;
  #answeredMs = 0;
  #lastMs = 0;
  /** The least of this window, and of the one before. */
  #leastMs = Number.POSITIVE_INFINITY;
  #leastBeforeMs = Number.POSITIVE_INFINITY;
  #windowFromMs = 0;
  /** Bytes that were sent, that had been when the ping went out, and that the last answer says have arrived. */
  #sent = 0;
  #asked = 0;
  #arrived = 0;
  /** What the full line let pass, and when it was full last. */
  #bytesPerMs = 0;
  #fullMs = Number.NEGATIVE_INFINITY;

  constructor(room: UplinkRoom) {
    this.#room = room;
  }

  /** That of a room. */
  static of(room: UplinkRoom): Uplink {
    const uplink = uplinks.get(room) ?? new Uplink(room);
    uplinks.set(room, uplink);
    return uplink;
  }

  /** So many bytes were sent. */
  sent(bytes: number): void {
    this.#sent += bytes;
  }

  /**
   * How much longer than at its best the line takes now: a ping that is out as long as it is out, and what is under way
   * as long as the line took for as much when it was full.
   */
  delayMs(nowMs: number): number {
    const leastMs = Math.min(this.#leastMs, this.#leastBeforeMs);
    const tookMs = Math.max(this.#lastMs, this.#isOut ? nowMs - this.#askedMs : 0);
    const underWayMs = this.#isSlow(nowMs) ? (this.#sent - this.#arrived) / this.#bytesPerMs : 0;
    return Math.max(0, underWayMs, tookMs - (leastMs < Number.POSITIVE_INFINITY ? leastMs : UNKNOWN_MS));
  }

  /** Asks, if it is time. */
  tick(nowMs: number): void {
    if (this.#isOut || (nowMs - this.#askedMs < PING_MS && !this.#isSlow(nowMs))) return;
    this.#isOut = true;
    this.#askedMs = nowMs;
    this.#asked = this.#sent;
    this.#room.ping().then(
      ({ rttMs }) => this.#answered(rttMs, nowMs + rttMs),
      () => this.#lost(),
    );
  }

  #isSlow(nowMs: number): boolean {
    return nowMs - this.#fullMs < SLOW_MS;
  }

  #answered(rttMs: number, nowMs: number): void {
    if (nowMs - this.#windowFromMs > WINDOW_MS) {
      this.#leastBeforeMs = this.#leastMs;
      this.#leastMs = Number.POSITIVE_INFINITY;
      this.#windowFromMs = nowMs;
    }
    this.#leastMs = Math.min(this.#leastMs, rttMs);
    const bytesPerMs = (this.#asked - this.#arrived) / Math.max(1, nowMs - this.#answeredMs);
    if (rttMs - Math.min(this.#leastMs, this.#leastBeforeMs) > FULL_MS) {
      this.#bytesPerMs = this.#isSlow(nowMs) ? (this.#bytesPerMs + bytesPerMs) / 2 : bytesPerMs;
      if (this.#bytesPerMs) this.#fullMs = nowMs;
    } else this.#bytesPerMs = Math.max(this.#bytesPerMs, bytesPerMs);
    this.#isOut = false;
    this.#lastMs = rttMs;
    this.#answeredMs = nowMs;
    this.#arrived = this.#asked;
  }

  /** Another connection is another line. */
  #lost(): void {
    this.#isOut = false;
    this.#lastMs = this.#bytesPerMs = 0;
    this.#arrived = this.#sent;
    this.#fullMs = Number.NEGATIVE_INFINITY;
    this.#leastMs = this.#leastBeforeMs = Number.POSITIVE_INFINITY;
  }
}
