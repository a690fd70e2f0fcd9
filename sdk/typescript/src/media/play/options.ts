// What a player is told, and what it says. Types alone.
import type { Carried } from "../carry.ts";
import type { MediaError } from "../error.ts";
import type { Latency } from "./jitter.ts";
import type { LayerWhy } from "./layer.ts";
import type { Wish } from "./pick.ts";
import type { PlayerState } from "./state.ts";

/** What is played, where, and how. */
export interface PlayOptions extends Wish, Carried {
  /** The picture is drawn here. It takes the picture's size. */
  readonly canvas?: HTMLCanvasElement | OffscreenCanvas;
  /** The picture is shown by this `<video>`, which gets no sound. */
  readonly element?: HTMLVideoElement;
  /** The layer: by the line (`auto`, unless set), or a number, 0 the largest. */
  readonly layer?: "auto" | number;
  /** How long what comes is held back: `{ min: 40, max: 400 }` unless set. */
  readonly latencyMs?: Partial<Latency>;
  /** From 0 to 1; 1 unless set. */
  readonly volume?: number;
  /** The device that plays the sound: a `deviceId`. */
  readonly sink?: string;
}

/** How it goes. Rates are those of the last second. */
export interface PlayerStats {
  /** The picture's size, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Pictures that were shown. */
  readonly fps: number;
  /** What came, in kilobits. */
  readonly kbps: number;
  /** How far what is shown is behind the fastest way that a frame ever took, in milliseconds. */
  readonly pictureBehindMs: number;
  /** Likewise, of what is heard. */
  readonly soundBehindMs: number;
  /** 95 of 100 frames came no later than this after the fastest, in milliseconds. */
  readonly jitterMs: number;
  /** How long what comes is held back, in milliseconds. */
  readonly bufferMs: number;
  /** Sound that is decoded and waits, in milliseconds. */
  readonly soundWaitingMs: number;
  /** Pictures that were decoded and not shown. */
  readonly dropped: number;
  /** Sound that was let go because too much waited, in milliseconds. */
  readonly soundDroppedMs: number;
  /** Frames that the relay did not send because the line was too slow. */
  readonly lost: number;
  /** Frames that were none of audio or video. */
  readonly invalid: number;
  /** How often there was no sound to play. */
  readonly underruns: number;
  /** The layer that is shown, and why it is that one. */
  readonly layer: number;
  readonly layerWhy: LayerWhy;
}

/** What a player says. */
export interface PlayerEvents {
  /** It is somewhere else; with `ended`, why, unless `end()` was called. */
  state: { readonly state: PlayerState; readonly before: PlayerState; readonly error?: MediaError };
  /** The picture has another size. */
  size: { readonly width: number; readonly height: number };
  /** Another layer is shown. */
  layer: { readonly layer: number; readonly why: LayerWhy };
}
