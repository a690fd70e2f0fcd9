// What the page and its worker, and the page and its worklet, say to each other. Types alone.
import type { Steer } from "./ring.ts";

/** A frame to decode. */
export interface Chunk {
  readonly timestampUs: number;
  readonly keyframe: boolean;
  readonly data: Uint8Array<ArrayBuffer>;
  /** The decoder's `description`, if this frame changes it. */
  readonly description?: Uint8Array<ArrayBuffer>;
}

/** To the worker. Decoders have numbers that are never used again. */
export type ToWorker =
  | { readonly is: "picture"; readonly id: number; readonly config: VideoDecoderConfig }
  | {
      readonly is: "sound";
      readonly id: number;
      readonly config: AudioDecoderConfig;
      /** Where decoded sound goes: shared memory, or a port to the worklet. */
      readonly ring: SharedArrayBuffer | MessagePort;
      readonly sampleRate: number;
    }
  | ({ readonly is: "chunk"; readonly id: number } & Chunk)
  | { readonly is: "close"; readonly id: number };

/** From the worker: a picture, which the page closes, or an error, after which the decoder needs a keyframe. */
export interface FromWorker {
  readonly id: number;
  readonly frame?: VideoFrame;
  readonly error?: string;
}

/** Decoded sound, from the worker to the worklet. */
export interface Decoded {
  readonly mediaMs: number;
  readonly planes: readonly Float32Array<ArrayBuffer>[];
}

/** What the worklet begins with. */
export interface WorkletOptions {
  readonly ring?: SharedArrayBuffer;
  readonly bufferMs: number;
  readonly maxMs: number;
}

/** To the worklet. */
export interface ToWorklet {
  readonly bufferMs?: number;
  readonly steer?: Steer;
  /** Decoded sound comes here. */
  readonly port?: MessagePort;
  readonly end?: true;
}

/** From the worklet, some times a second. */
export interface Heard {
  /** The media time of the sample that the context plays at `contextMs`. */
  readonly mediaMs: number;
  readonly contextMs: number;
  readonly isPlaying: boolean;
  readonly waitingMs: number;
  readonly underruns: number;
  readonly droppedMs: number;
}
