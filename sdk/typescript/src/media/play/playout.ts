// The one clock that the picture and the sound of a publisher are played by, and which picture is drawn when. Pure:
// times are given, in milliseconds; "media time" is the publisher's, "local time" this machine's.
import { Delay, Jitter, type Latency, picturePace, soundPace } from "./jitter.ts";

/** While a part begins, decoders and devices start and the page is busy: that is no jitter of the line. */
const START_MS = 500;

/** What is played together. */
export type Part = "picture" | "sound";

/** Two clocks differ by less than this, so the fastest way ever seen gets this much slower with time. */
const DRIFT = 0.0001;
/** A part from which nothing came for so long does not count any more. */
const SILENT_MS = 5000;
/** So late is nothing on the way: the publisher's clock stood still while its machine slept. */
const LATE_MAX_MS = 5000;
/** What the sound's clock said holds for so long. */
const SOUND_HOLDS_MS = 500;
/** What was missed comes faster than this, compared with the time in which it was captured. */
const BURST = 0.5;
/** After a pause of this length nothing more of what was missed follows. */
const BURST_PAUSE_MS = 50;

/** What came of one part. */
class Arrivals {
  jitter: Jitter = new Jitter();
  mediaMs = -Infinity;
  atMs = -Infinity;
  isCatchingUp = true;
  #beganAtMs: number | undefined;

  /** Something came; whether it says how the line is: it came at its own pace, and not because it had been missed. */
  came(mediaMs: number, nowMs: number): boolean {
    const isBurst =
      nowMs - this.atMs < (mediaMs - this.mediaMs) * BURST && mediaMs - this.mediaMs < SILENT_MS;
    if (this.isCatchingUp && this.atMs !== -Infinity && !isBurst) this.isCatchingUp = false;
    this.mediaMs = Math.max(mediaMs, this.mediaMs);
    this.atMs = nowMs;
    this.#beganAtMs ??= nowMs;
    return !this.isCatchingUp && nowMs - this.#beganAtMs >= START_MS;
  }

  begin(): void {
    this.isCatchingUp = true;
    this.mediaMs = this.atMs = -Infinity;
    this.#beganAtMs = undefined;
    this.jitter = new Jitter();
  }
}

/** The play-out clock. */
export class Playout {
  readonly #parts = { picture: new Arrivals(), sound: new Arrivals() };
  readonly #withSound: Delay;
  #pictures: Delay;
  readonly #latency: Latency;
  /** Local time minus media time on the fastest way. */
  #wayMs = Infinity;
  #wayAtMs = 0;
  #sound: { readonly mediaMs: number; readonly atMs: number } | undefined;

  constructor(latency: Latency) {
    this.#latency = latency;
    this.#withSound = new Delay(soundPace(latency));
    this.#pictures = new Delay(picturePace(latency));
  }

  /** Something came that was captured until `mediaMs`. How much later than the fastest it came. */
  came(part: Part, mediaMs: number, nowMs: number): number {
    const drifted = this.#wayMs + (nowMs - this.#wayAtMs) * DRIFT;
    const wayMs = nowMs - mediaMs;
    this.#wayMs = wayMs - drifted > LATE_MAX_MS ? wayMs : Math.min(wayMs, drifted);
    this.#wayAtMs = nowMs;
    const lateMs = wayMs - this.#wayMs;
    const arrivals = this.#parts[part];
    if (arrivals.came(mediaMs, nowMs)) {
      arrivals.jitter.add(lateMs, nowMs);
      const { picture, sound } = this.#parts;
      this.#pictures.follow(picture.jitter.usualMs, nowMs);
      if (this.hasSound(nowMs)) {
        this.#withSound.follow(Math.max(sound.jitter.usualMs, picture.jitter.usualMs), nowMs);
      }
    }
    return lateMs;
  }

  /**
   * A part begins, or goes on after a gap. What was missed comes first, and says nothing about the line; nor does the
   * jitter before the gap. Pictures alone may be shown sooner at once: nobody hears that.
   */
  begin(part: Part): void {
    this.#parts[part].begin();
    if (part === "picture") this.#pictures = new Delay(picturePace(this.#latency));
  }

  /** Whether what comes of a part is still what was missed. */
  isCatchingUp(part: Part, nowMs: number): boolean {
    const { isCatchingUp, atMs } = this.#parts[part];
    return isCatchingUp && nowMs - atMs < BURST_PAUSE_MS;
  }

  /** The media time of the newest that came. */
  newestMs(part: Part): number {
    return this.#parts[part].mediaMs;
  }

  /** Whether sound comes. */
  hasSound(nowMs: number): boolean {
    return nowMs - this.#parts.sound.atMs < SILENT_MS;
  }

  /** How long what comes the fastest way is held back. */
  delayMs(nowMs: number): number {
    return this.hasSound(nowMs) ? this.#withSound.ms : this.#pictures.ms;
  }

  /** The jitter of a part. */
  jitterMs(part: Part): number {
    return this.#parts[part].jitter.usualMs;
  }

  /** The sound that is heard at `atMs` was captured at `mediaMs`: from now on pictures follow it. */
  heard(mediaMs: number, atMs: number): void {
    this.#sound = { mediaMs, atMs };
  }

  /** No sound is heard. */
  silent(): void {
    this.#sound = undefined;
  }

  /** What is to leave the buffers now, as media time. */
  wantedMs(nowMs: number): number {
    return nowMs - this.#wayMs - this.delayMs(nowMs);
  }

  /** What is to be seen now, as media time: the sound's, else what the pictures' own clock says. */
  mediaMs(nowMs: number): number {
    const sound = this.#sound;
    if (sound && nowMs - sound.atMs < SOUND_HOLDS_MS) return sound.mediaMs + nowMs - sound.atMs;
    return this.wantedMs(nowMs);
  }

  /** How far behind the fastest way something is that is played now. */
  behindMs(mediaMs: number | undefined, nowMs: number): number {
    return mediaMs === undefined ? 0 : nowMs - this.#wayMs - mediaMs;
  }
}

/** A decoded picture. */
export interface Timed {
  readonly mediaMs: number;
}

/** What to do with the pictures that wait. */
export interface Taken<T> {
  /** To be drawn now. */
  readonly draw?: T;
  /** Not to be drawn at all. */
  readonly drop: readonly T[];
  /** When to look again, as media time. */
  readonly nextMs?: number;
}

/** Timers end early by less than this. */
const EARLY_MS = 1;
/** While nothing was drawn for so long, the next picture is drawn in any case. */
const FROZEN_MS = 500;
/** A frame's length until two have come. */
const FRAME_MS = 33;

/** Pictures that are decoded and wait for their time. */
export class Pictures<T extends Timed> {
  readonly #maxMs: number;
  #waiting: T[] = [];
  #frameMs = FRAME_MS;
  #drawnAtMs: number | undefined;

  /** While newer ones are on their way, pictures that are late by more than `maxMs` are not drawn. */
  constructor(maxMs: number) {
    this.#maxMs = maxMs;
  }

  /** How many wait. */
  get count(): number {
    return this.#waiting.length;
  }

  /** A picture is decoded. */
  add(picture: T, nowMs: number): void {
    this.#drawnAtMs ??= nowMs;
    const last = this.#waiting.at(-1);
    if (last && picture.mediaMs > last.mediaMs) this.#frameMs = picture.mediaMs - last.mediaMs;
    this.#waiting.push(picture);
    if (last && picture.mediaMs < last.mediaMs) this.#waiting.sort((a, b) => a.mediaMs - b.mediaMs);
  }

  /** Decides for this moment. `newestMs` is the newest picture that has come, decoded or not. */
  take(mediaMs: number, newestMs: number, isCatchingUp: boolean, nowMs: number): Taken<T> {
    const isFrozen = nowMs - (this.#drawnAtMs ?? nowMs) > FROZEN_MS;
    // The newest is about to come; those before it must not hold the decoder's memory.
    if (isCatchingUp && !isFrozen) return { drop: this.#waiting.splice(0, this.#waiting.length - 1) };
    const later = this.#waiting.findIndex(picture => picture.mediaMs > mediaMs + EARLY_MS);
    const due = this.#waiting.splice(0, later < 0 ? this.#waiting.length : later);
    const next = this.#waiting[0];
    const drop = due.slice(0, -1);
    const draw = due.at(-1);
    const more = next && { nextMs: next.mediaMs };
    if (!draw) return { drop, ...more };
    const lateMs = mediaMs - draw.mediaMs;
    const isMissed = newestMs > draw.mediaMs && lateMs > this.#maxMs;
    if (!isFrozen && (isMissed || (next && lateMs > this.#frameMs))) return { drop: due, ...more };
    this.#drawnAtMs = nowMs;
    return { draw, drop, ...more };
  }

  /** Everything that waits, taken out. */
  clear(): T[] {
    this.#drawnAtMs = undefined;
    return this.#waiting.splice(0);
  }
}
