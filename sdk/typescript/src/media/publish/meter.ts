// What an encoder did in the last second. Pure.
import type { LayerStats } from "./protocol.ts";

export class Meter {
  #frames = 0;
  #bytes = 0;
  #encodeMs = 0;
  #keyframes = 0;
  #fromMs: number;

  constructor(nowMs: number) {
    this.#fromMs = nowMs;
  }

  /** A frame came out. */
  count(bytes: number, encodeMs: number, isKeyframe: boolean): void {
    this.#frames += 1;
    this.#bytes += bytes;
    this.#encodeMs += encodeMs;
    if (isKeyframe) this.#keyframes += 1;
  }

  /** What was counted since the last time. */
  read(nowMs: number): LayerStats {
    const seconds = Math.max(0.001, (nowMs - this.#fromMs) / 1000);
    const stats = {
      fps: this.#frames / seconds,
      kbps: (this.#bytes * 8) / 1000 / seconds,
      encodeMs: this.#frames && this.#encodeMs / this.#frames,
      keyframes: this.#keyframes,
    };
    this.#frames = this.#bytes = this.#encodeMs = 0;
    this.#fromMs = nowMs;
    return stats;
  }
}
