// The worker's part of playing: decoders. Begins with a keyframe, after an error as well; decides nothing else.
import { shut } from "../coding.ts";
import type { Chunk, Decoded, FromWorker, ToWorker } from "./messages.ts";
import { RingMemory, RingWriter } from "./ring.ts";

/** A keyframe makes what still waits before it useless, if that is more than this. */
const QUEUE_SKIP = 30;
/** More than this is more than the decoder will ever decode in time. */
const QUEUE_MAX = 300;

interface Decoding {
  decode(chunk: Chunk): void;
  close(): void;
}

type Tell = (message: Omit<FromWorker, "id">, transfer?: Transferable[]) => void;

class PictureDecoding implements Decoding {
  readonly #tell: Tell;
  readonly #config: VideoDecoderConfig;
  #description: AllowSharedBufferSource | undefined;
  #decoder: VideoDecoder | undefined;

  constructor(config: VideoDecoderConfig, tell: Tell) {
    this.#config = config;
    this.#description = config.description;
    this.#tell = tell;
  }

  decode({ timestampUs, keyframe, data, description }: Chunk): void {
    try {
      if (keyframe && this.#needsConfig(description)) this.#configure(description);
      const decoder = this.#decoder;
      if (!decoder) return;
      if (!keyframe && decoder.decodeQueueSize > QUEUE_MAX) throw new Error("the decoder cannot keep up");
      const type: EncodedVideoChunkType = keyframe ? "key" : "delta";
      const chunk = { type, timestamp: timestampUs, data, transfer: [data.buffer] };
      decoder.decode(new EncodedVideoChunk(chunk));
    } catch (error) {
      this.#failed(error);
    }
  }

  #needsConfig(description: Uint8Array | undefined): boolean {
    return !!description || !this.#decoder || this.#decoder.decodeQueueSize > QUEUE_SKIP;
  }

  #configure(description: Uint8Array<ArrayBuffer> | undefined): void {
    this.#description = description ?? this.#description;
    this.#decoder ??= this.#newDecoder();
    if (this.#decoder.state === "configured" && !description) this.#decoder.reset();
    this.#decoder.configure({
      ...this.#config,
      optimizeForLatency: true,
      ...(this.#description && { description: this.#description }),
    });
  }

  #newDecoder(): VideoDecoder {
    const decoder = new VideoDecoder({
      output: frame => {
        if (this.#decoder === decoder) this.#tell({ frame }, [frame]);
        else frame.close();
      },
      error: error => this.#decoder === decoder && this.#failed(error),
    });
    return decoder;
  }

  #failed(error: unknown): void {
    this.close();
    this.#tell({ error: String(error) });
  }

  close(): void {
    const decoder = this.#decoder;
    this.#decoder = undefined;
    shut(decoder);
  }
}

class SoundDecoding implements Decoding {
  readonly #tell: Tell;
  readonly #config: AudioDecoderConfig;
  readonly #write: (decoded: Decoded) => void;
  #decoder: AudioDecoder | undefined;

  constructor(config: AudioDecoderConfig, write: (decoded: Decoded) => void, tell: Tell) {
    this.#config = config;
    this.#write = write;
    this.#tell = tell;
  }

  decode({ timestampUs, data, description }: Chunk): void {
    try {
      if (!this.#decoder || description) this.#configure(description);
      const chunk = { type: "key" as const, timestamp: timestampUs, data, transfer: [data.buffer] };
      this.#decoder?.decode(new EncodedAudioChunk(chunk));
    } catch (error) {
      this.#failed(error);
    }
  }

  #configure(description: Uint8Array<ArrayBuffer> | undefined): void {
    this.#decoder ??= this.#newDecoder();
    this.#decoder.configure({ ...this.#config, ...(description && { description }) });
  }

  #newDecoder(): AudioDecoder {
    const decoder = new AudioDecoder({
      output: data => this.#decoded(data),
      error: error => this.#decoder === decoder && this.#failed(error),
    });
    return decoder;
  }

  #decoded(data: AudioData): void {
    const planes = Array.from({ length: Math.min(data.numberOfChannels, 2) }, (_, planeIndex) => {
      const plane = new Float32Array(data.numberOfFrames);
      data.copyTo(plane, { planeIndex, format: "f32-planar" });
      return plane;
    });
    this.#write({ mediaMs: data.timestamp / 1000, planes });
    data.close();
  }

  #failed(error: unknown): void {
    this.close();
    this.#tell({ error: String(error) });
  }

  close(): void {
    const decoder = this.#decoder;
    this.#decoder = undefined;
    shut(decoder);
  }
}

/** Where decoded sound goes. */
function writes(ring: SharedArrayBuffer | MessagePort, sampleRate: number): (decoded: Decoded) => void {
  if (ring instanceof MessagePort) {
    return decoded =>
      ring.postMessage(
        decoded,
        decoded.planes.map(({ buffer }) => buffer),
      );
  }
  const writer = new RingWriter(new RingMemory(sampleRate, ring));
  return ({ mediaMs, planes }) => writer.write(mediaMs, planes);
}

/** Decodes what comes by the port. */
export function startPlaying(port: MessagePort): void {
  const decodings = new Map<number, Decoding>();
  port.onmessage = ({ data }: MessageEvent<ToWorker>) => {
    const { id } = data;
    const tell: Tell = (message, transfer = []) => port.postMessage({ id, ...message }, transfer);
    if (data.is === "picture") decodings.set(id, new PictureDecoding(data.config, tell));
    else if (data.is === "sound") {
      decodings.set(id, new SoundDecoding(data.config, writes(data.ring, data.sampleRate), tell));
    } else if (data.is === "chunk") decodings.get(id)?.decode(data);
    else {
      decodings.get(id)?.close();
      decodings.delete(id);
    }
  };
}
