// How much is sent: which frames are let go before the encoder, and what follows from it for bitrate, frame rate and
// layers. Pure, with a given clock; one for all layers of a picture, because they share line and processor.

/** Why less goes out than could. */
export type Limit = "cpu" | "uplink" | "nobody";

/** What is known at a frame. */
export interface Load {
  /** Frames that wait in the fullest encoder. */
  readonly queued: number;
  /** Bytes that wait before the line. */
  readonly bufferedBytes: number;
  /** How long the line takes, above the least that it took. */
  readonly delayMs: number;
}

/** Frames that may wait in an encoder. */
const QUEUED_MAX = 2;
/** How much longer than at its best the line may take. */
const DELAY_MAX_MS = 250;
/** Between two steps, in either direction. */
const STEP_MS = 1000;
/** How long nothing was let go before more is sent. */
const QUIET_MS = 5000;
const DOWN = 0.8;
const UP = 0.05;
/** The bitrate's floor, as a part of what is allowed. */
const FLOOR = 0.1;
/** The frame rate when the bitrate is at its floor. */
const SLOW_FRAMERATE = 15;

/** What a frame is too many for; nothing if it may be encoded. */
export function limitOf({ queued, bufferedBytes, delayMs }: Load): "cpu" | "uplink" | undefined {
  if (bufferedBytes > 0 || delayMs > DELAY_MAX_MS) return "uplink";
  return queued >= QUEUED_MAX ? "cpu" : undefined;
}

export class Control {
  readonly #layers: number;
  readonly #framerateMax: number;
  #part = 1;
  #isSlow = false;
  #isPaused = false;
  #limit: "cpu" | "uplink" | undefined;
  #limitedMs = Number.NEGATIVE_INFINITY;
  #steppedMs = Number.NEGATIVE_INFINITY;

  /** For so many layers, at so many frames per second. */
  constructor(layers: number, framerate: number) {
    this.#layers = layers;
    this.#framerateMax = framerate;
  }

  /** Which part of its bitrate the largest layer has, from a tenth to 1. */
  get part(): number {
    return this.#part;
  }

  /** Frames per second, at most. */
  get framerate(): number {
    return this.#isSlow ? Math.min(SLOW_FRAMERATE, this.#framerateMax) : this.#framerateMax;
  }

  /** The first layer that may be encoded. */
  get firstLayer(): number {
    return this.#isPaused ? 1 : 0;
  }

  /** What holds it below all that it could send. */
  get limit(): "cpu" | "uplink" | undefined {
    return this.#part < 1 || this.#isSlow || this.#isPaused ? this.#limit : undefined;
  }

  /** A frame has come. Whether it may be encoded; if not, less is sent from now on. */
  admits(load: Load, nowMs: number): boolean {
    const limit = limitOf(load);
    if (limit) {
      this.#limit = limit;
      this.#limitedMs = nowMs;
      if (nowMs - this.#steppedMs >= STEP_MS) this.#down(nowMs);
    } else if (nowMs - this.#limitedMs >= QUIET_MS && nowMs - this.#steppedMs >= STEP_MS) this.#up(nowMs);
    return !limit;
  }

  /** Bitrate, then frame rate, then the largest layer: it is paused only where a smaller one is there. */
  #down(nowMs: number): void {
    this.#steppedMs = nowMs;
    if (this.#part > FLOOR) this.#part = Math.max(FLOOR, this.#part * DOWN);
    else if (!this.#isSlow) this.#isSlow = true;
    else if (this.#layers > 1) this.#isPaused = true;
  }

  /** The way back, in the opposite order. */
  #up(nowMs: number): void {
    this.#steppedMs = nowMs;
    if (this.#isPaused) this.#isPaused = false;
    else if (this.#isSlow) this.#isSlow = false;
    else this.#part = Math.min(1, this.#part + UP);
  }
}

/** Chooses frames of a source that is faster than wanted, evenly. */
export class Pace {
  #dueMs = Number.NEGATIVE_INFINITY;

  /** Whether a frame of this time is one of so many per second. */
  admits(timeMs: number, framerate: number): boolean {
    const stepMs = 1000 / framerate;
    if (timeMs < this.#dueMs && timeMs > this.#dueMs - 10 * stepMs) return false;
    // Half a step early is not too early: a camera's frames are not quite even.
    this.#dueMs = Math.max(this.#dueMs + stepMs, timeMs + stepMs / 2);
    return true;
  }
}

/** When a frame must be a keyframe. What became one the encoder says. */
export class Keyframes {
  readonly #gopMs: number;
  #isWanted = true;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(gopMs: number) {
    this.#gopMs = gopMs;
  }

  /** Whether somebody waits for one. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** The next frame must be one. */
  want(): void {
    this.#isWanted = true;
  }

  /** Whether the frame that is encoded now must be one. */
  take(nowMs: number): boolean {
    const must = this.#isWanted || nowMs - this.#lastMs >= this.#gopMs;
    this.#isWanted = false;
    if (must) this.#lastMs = nowMs;
    return must;
  }

  /** The encoder has made one, asked or not. */
  made(nowMs: number): void {
    this.#lastMs = Math.max(this.#lastMs, nowMs);
  }
}
