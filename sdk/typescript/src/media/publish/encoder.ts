// The encoder of one layer, in the worker. Lets no frame go itself; what became a keyframe the browser's encoder says.
import { shut } from "../coding.ts";
import { locWithRoom } from "../loc.ts";
import { type Encoding, encoderConfig } from "./codec.ts";
import { Keyframes } from "./control.ts";
import { Meter } from "./meter.ts";

/** What is done with what comes out. */
export interface Encoded {
  payload(payload: Uint8Array<ArrayBuffer>, isKeyframe: boolean): void;
  /** The encoder is gone; the next frame makes a new one. */
  failed(error: unknown): void;
}

export class LayerEncoder {
  readonly meter: Meter = new Meter(performance.now());
  readonly #codec: string;
  readonly #contentHint: string;
  readonly #keyframes: Keyframes;
  readonly #out: Encoded;
  /** When each frame that is inside went in. */
  readonly #inside = new Map<number, number>();
  #encoder: VideoEncoder | undefined;
  #encoding: Encoding | undefined;
  /** The frame that must become a keyframe: an encoder that lets frames go may let go of this one. */
  #mustUs: number | undefined;
  #description: AllowSharedBufferSource | undefined;

  constructor(codec: string, contentHint: string, gopMs: number, out: Encoded) {
    this.#codec = codec;
    this.#contentHint = contentHint;
    this.#keyframes = new Keyframes(gopMs);
    this.#out = out;
  }

  /** Frames that wait in it. */
  get queued(): number {
    return this.#encoder?.encodeQueueSize ?? 0;
  }

  /** Whether a keyframe waits for a frame. */
  get wantsKeyframe(): boolean {
    return this.#keyframes.isWanted;
  }

  /** The next frame is a keyframe. */
  wantKeyframe(): void {
    this.#keyframes.want();
  }

  /** Encodes a frame, whose timestamp is that of the stream. */
  encode(frame: VideoFrame, encoding: Encoding): void {
    try {
      const encoder = this.#prepared(encoding);
      const nowMs = performance.now();
      this.#inside.set(frame.timestamp, nowMs);
      const keyFrame = this.#keyframes.take(nowMs);
      if (keyFrame) this.#mustUs = frame.timestamp;
      encoder.encode(frame, { keyFrame });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Nobody reads it: the encoder goes, and its next frame is a keyframe. */
  stop(): void {
    const encoder = this.#encoder;
    this.#encoder = this.#encoding = undefined;
    this.#inside.clear();
    this.#keyframes.want();
    shut(encoder);
  }

  /** The encoder, set as it must be now. */
  #prepared(encoding: Encoding): VideoEncoder {
    const before = this.#encoding;
    const encoder = this.#encoder ?? this.#started();
    if (
      before &&
      Object.entries(encoding).every(([field, value]) => before[field as keyof Encoding] === value)
    )
      return encoder;
    if (before?.width !== encoding.width || before.height !== encoding.height) this.#keyframes.want();
    encoder.configure(encoderConfig(this.#codec, encoding, this.#contentHint));
    this.#encoding = encoding;
    return encoder;
  }

  #started(): VideoEncoder {
    const encoder: VideoEncoder = new VideoEncoder({
      output: (chunk, metadata) => this.#encoder === encoder && this.#came(chunk, metadata),
      error: error => this.#encoder === encoder && this.#fail(error),
    });
    this.#encoder = encoder;
    return encoder;
  }

  #came(chunk: EncodedVideoChunk, metadata: EncodedVideoChunkMetadata | undefined): void {
    const nowMs = performance.now();
    const isKeyframe = chunk.type === "key";
    const { timestamp, byteLength } = chunk;
    this.meter.count(byteLength, nowMs - (this.#inside.get(timestamp) ?? nowMs), isKeyframe);
    // A frame that the encoder let go comes never.
    for (const inside of this.#inside.keys()) if (inside <= timestamp) this.#inside.delete(inside);
    if (isKeyframe) this.#keyframes.made(nowMs);
    else if (this.#mustUs !== undefined && timestamp >= this.#mustUs) this.#keyframes.want();
    if (isKeyframe || this.#keyframes.isWanted) this.#mustUs = undefined;
    this.#description = metadata?.decoderConfig?.description ?? this.#description;
    const config = isKeyframe && this.#description && { videoConfig: bytesOf(this.#description) };
    const { payload, data } = locWithRoom({ timestampUs: timestamp, ...config }, byteLength);
    chunk.copyTo(data);
    this.#out.payload(payload, isKeyframe);
  }

  #fail(error: unknown): void {
    this.stop();
    this.#out.failed(error);
  }
}

function bytesOf(source: AllowSharedBufferSource): Uint8Array {
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}
