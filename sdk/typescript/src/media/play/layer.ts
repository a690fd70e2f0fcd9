// Which of a picture's layers is read. Pure: times are given, in milliseconds.

/** Why a layer is read. */
export type LayerWhy = "first" | "chosen" | "lagged" | "behind" | "quiet" | "gone";

/** So far behind for so long is too slow. */
const BEHIND_MS = 400;
const BEHIND_FOR_MS = 1000;
const QUIET_MS = 10_000;
const QUIET_MAX_MS = 160_000;
/** A layer from which nothing came for so long is not there: its publisher may have paused it. */
const CHANGE_MAX_MS = 10_000;

/** Decides between the layers of a picture: 0 is the largest. */
export class Layers {
  readonly #isFixed: boolean;
  #count: number;
  #wanted: number;
  #why: LayerWhy;
  #behindSinceMs: number | undefined;
  #quietSinceMs: number;
  #quietMs = QUIET_MS;
  #upAtMs = -Infinity;
  /** When the change to the wanted layer began, and from which one. */
  #changing: { readonly from: number; readonly atMs: number } | undefined;

  /** With a `fixed` layer that one is read, or the smallest if there are fewer. */
  constructor(count: number, nowMs: number, fixed?: number) {
    this.#count = count;
    this.#isFixed = fixed !== undefined;
    this.#wanted = Math.min(fixed ?? 0, Math.max(count - 1, 0));
    this.#why = this.#isFixed ? "chosen" : "first";
    this.#quietSinceMs = nowMs;
  }

  /** The layer to read. */
  get wanted(): number {
    return this.#wanted;
  }

  /** Why it is that one. */
  get why(): LayerWhy {
    return this.#why;
  }

  /** How many layers there are from now on. */
  setCount(count: number, nowMs: number): void {
    this.#count = count;
    if (this.#wanted < count || count === 0) return;
    this.#wanted = count - 1;
    this.#why = "gone";
    this.changed(nowMs);
  }

  /** The change to the wanted layer is over; until then nothing more is decided. */
  changed(nowMs: number): void {
    this.#changing = undefined;
    this.#restart(nowMs);
  }

  /** Frames were lost. */
  lagged(nowMs: number): void {
    this.#down("lagged", nowMs);
  }

  /** The picture is so far behind now. */
  behind(behindMs: number, nowMs: number): void {
    if (this.#changing && nowMs - this.#changing.atMs >= CHANGE_MAX_MS)
      this.#giveUp(this.#changing.from, nowMs);
    if (behindMs > BEHIND_MS) {
      this.#quietSinceMs = nowMs;
      this.#behindSinceMs ??= nowMs;
      if (nowMs - this.#behindSinceMs >= BEHIND_FOR_MS) this.#down("behind", nowMs);
    } else {
      this.#behindSinceMs = undefined;
      this.#up(nowMs);
    }
  }

  #down(why: LayerWhy, nowMs: number): void {
    this.#quietSinceMs = nowMs;
    if (this.#isFixed || this.#changing || this.#wanted >= this.#count - 1) return;
    if (nowMs - this.#upAtMs < this.#quietMs) this.#wasWrong();
    else this.#quietMs = QUIET_MS;
    this.#change(1, why, nowMs);
    this.#restart(nowMs);
  }

  #up(nowMs: number): void {
    if (this.#isFixed || this.#changing || this.#wanted === 0) return;
    if (nowMs - this.#quietSinceMs < this.#quietMs) return;
    this.#upAtMs = nowMs;
    this.#change(-1, "quiet", nowMs);
  }

  #wasWrong(): void {
    this.#quietMs = Math.min(this.#quietMs * 2, QUIET_MAX_MS);
  }

  #giveUp(from: number, nowMs: number): void {
    this.#wanted = Math.min(from, this.#count - 1);
    this.#why = "gone";
    this.#wasWrong();
    this.changed(nowMs);
  }

  #change(by: number, why: LayerWhy, nowMs: number): void {
    this.#changing = { from: this.#wanted, atMs: nowMs };
    this.#wanted += by;
    this.#why = why;
  }

  #restart(nowMs: number): void {
    this.#behindSinceMs = undefined;
    this.#quietSinceMs = nowMs;
  }
}

/**
 * Whether a picture of the layer to change to can be the first one shown: a keyframe that is not older than what is on
 * the screen.
 */
export function canChangeOver(isKeyframe: boolean, mediaMs: number, shownMs: number | undefined): boolean {
  return isKeyframe && (shownMs === undefined || mediaMs >= shownMs);
}
