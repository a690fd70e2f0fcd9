// What a page and its worker say to each other while they publish. Types alone.
import type { Layer } from "./layers.ts";

/** How pictures are encoded. */
export interface VideoSettings {
  /** The codec string of each layer. */
  readonly codecs: readonly string[];
  readonly layers: readonly Layer[];
  readonly framerate: number;
  readonly gopMs: number;
  readonly contentHint: string;
}

/** What the page says. */
export type ToWorker =
  | ({ readonly is: "video" } & VideoSettings)
  | { readonly is: "audio"; readonly config: AudioEncoderConfig }
  /** Where pictures come from, in place of what was before: their stream, or a track of the worker's own. */
  | { readonly is: "source"; readonly from?: ReadableStream<VideoFrame> | MediaStreamTrack }
  /** A picture of a page that has neither. */
  | { readonly is: "frame"; readonly frame: VideoFrame }
  /** What a canvas shows before it is drawn on again. */
  | { readonly is: "still"; readonly frame: VideoFrame }
  /** Where sound comes from, in place of what was before: the worklet's port. */
  | { readonly is: "samples"; readonly port: MessagePort }
  /** The answer to a tick: which layers are read, and how the line is. */
  | {
      readonly is: "tock";
      readonly active: readonly boolean[];
      readonly bufferedBytes: number;
      readonly delayMs: number;
    }
  | { readonly is: "keyframe"; readonly layer: number }
  | { readonly is: "bitrate"; readonly max: number };

/** What one layer did in the last second. */
export interface LayerStats {
  /** Frames per second. */
  readonly fps: number;
  /** Kilobits per second. */
  readonly kbps: number;
  /** How long a frame was in the encoder, in milliseconds; the mean. */
  readonly encodeMs: number;
  /** Keyframes since the beginning. */
  readonly keyframes: number;
}

/** What the worker says. */
export type ToPage =
  /** Ten times a second, also in a page whose own timers the browser holds back. */
  | { readonly is: "tick" }
  | {
      readonly is: "payload";
      readonly layer: number;
      readonly keyframe: boolean;
      readonly payload: Uint8Array<ArrayBuffer>;
    }
  | {
      readonly is: "stats";
      readonly layers: readonly LayerStats[];
      readonly skipped: number;
      readonly limit: "cpu" | "uplink" | undefined;
    }
  /** The encoder fails again and again. */
  | { readonly is: "failed"; readonly message: string };
