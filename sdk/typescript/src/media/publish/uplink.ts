// How long the line to the relay takes. `bufferedAmount` stays 0 while a second of frames lies in the system's buffer;
// only a `ping`, which is answered after everything before it, sees that. Has no timer: it is asked again and again.

/** What it asks. */
export interface UplinkRoom {
  ping(): Promise<{ readonly rttMs: number }>;
}

/** Between two pings. */
const PING_MS = 500;
/** For how long the least time counts: a line may have become another one. */
const WINDOW_MS = 60_000;
/** What a line may take before it was measured. */
const UNKNOWN_MS = 1000;

/** One for each room, whoever publishes into it. */
const uplinks = new WeakMap<UplinkRoom, Uplink>();

export class Uplink {
  readonly #room: UplinkRoom;
  #isOut = false;
  #sentMs = Number.NEGATIVE_INFINITY;
  #lastMs = 0;
  /** The least of this window, and of the one before. */
  #leastMs = Number.POSITIVE_INFINITY;
  #leastBeforeMs = Number.POSITIVE_INFINITY;
  #windowFromMs = 0;

  constructor(room: UplinkRoom) {
    this.#room = room;
  }

  /** That of a room. */
  static of(room: UplinkRoom): Uplink {
    const uplink = uplinks.get(room) ?? new Uplink(room);
    uplinks.set(room, uplink);
    return uplink;
  }

  /** How much longer the line takes now than at its best. A ping that is out takes as long as it is out. */
  delayMs(nowMs: number): number {
    const outMs = this.#isOut ? nowMs - this.#sentMs : 0;
    const leastMs = Math.min(this.#leastMs, this.#leastBeforeMs);
    return Math.max(
      0,
      Math.max(this.#lastMs, outMs) - (leastMs < Number.POSITIVE_INFINITY ? leastMs : UNKNOWN_MS),
    );
  }

  /** Asks, if it is time. */
  tick(nowMs: number): void {
    if (this.#isOut || nowMs - this.#sentMs < PING_MS) return;
    this.#isOut = true;
    this.#sentMs = nowMs;
    this.#room.ping().then(
      ({ rttMs }) => this.#answered(rttMs, nowMs),
      () => this.#lost(),
    );
  }

  #answered(rttMs: number, nowMs: number): void {
    this.#isOut = false;
    this.#lastMs = rttMs;
    if (nowMs - this.#windowFromMs > WINDOW_MS) {
      this.#leastBeforeMs = this.#leastMs;
      this.#leastMs = Number.POSITIVE_INFINITY;
      this.#windowFromMs = nowMs;
    }
    this.#leastMs = Math.min(this.#leastMs, rttMs);
  }

  /** Another connection is another line. */
  #lost(): void {
    this.#isOut = false;
    this.#lastMs = 0;
    this.#leastMs = this.#leastBeforeMs = Number.POSITIVE_INFINITY;
  }
}
