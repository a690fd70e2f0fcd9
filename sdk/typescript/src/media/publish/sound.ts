// The worker's part for sound: samples from the worklet become frames of the codec. Nothing is encoded that nobody
// reads, and nothing while the line is far behind.
import { nowUs, Stamps } from "../clock.ts";
import { Failures, shut } from "../coding.ts";
import { writeLoc } from "../loc.ts";
import { Meter } from "./meter.ts";
import type { ToPage, ToWorker } from "./protocol.ts";
import type { Samples } from "./worklet.ts";

/** A sound that would be heard this much later is not sent: a gap is shorter than a line that never catches up. */
const DELAY_MAX_MS = 1000;

export class Sound {
  #config: AudioEncoderConfig;
  readonly #bitrate: number;
  readonly #say: (said: ToPage, transfer?: Transferable[]) => void;
  readonly #meter: Meter = new Meter(performance.now());
  readonly #failures: Failures = new Failures();
  #stamps: Stamps = new Stamps();
  #encoder: AudioEncoder | undefined;
  #samples: MessagePort | undefined;
  /** How far the stream's clock is ahead of the context's. */
  #aheadUs = 0;
  #nextFrame = 0;
  #isActive = false;
  #delayMs = 0;
  #skipped = 0;
  #description: AllowSharedBufferSource | undefined;

  constructor(config: AudioEncoderConfig, say: (said: ToPage, transfer?: Transferable[]) => void) {
    this.#config = config;
    this.#bitrate = config.bitrate ?? Number.POSITIVE_INFINITY;
    this.#say = say;
  }

  /** Hears the page. */
  hear(said: ToWorker): void {
    if (said.is === "samples") {
      this.#samples?.close();
      this.#samples = said.port;
      this.#stamps = new Stamps();
      this.#stop();
      said.port.onmessage = ({ data }) => this.#came(data as Samples);
    } else if (said.is === "tock") {
      this.#delayMs = said.delayMs;
      this.#isActive = said.active[0] === true;
      if (!this.#isActive) this.#stop();
    } else if (said.is === "bitrate") {
      this.#config = { ...this.#config, bitrate: Math.min(this.#bitrate, said.max) };
      if (this.#encoder?.state === "configured") this.#encoder.configure(this.#config);
    }
  }

  tick(): void {}

  /** What was done since the last time. */
  stats(): ToPage {
    const limit = this.#delayMs > DELAY_MAX_MS ? "uplink" : undefined;
    return { is: "stats", layers: [this.#meter.read(performance.now())], skipped: this.#skipped, limit };
  }

  end(): void {
    this.#samples?.close();
    this.#stop();
  }

  #stop(): void {
    const encoder = this.#encoder;
    this.#encoder = undefined;
    shut(encoder);
  }

  #came({ channels, frame }: Samples): void {
    const { sampleRate, numberOfChannels } = this.#config;
    const timestamp = Math.round((frame / sampleRate) * 1e6);
    this.#aheadUs = this.#stamps.at(timestamp, nowUs()) - timestamp;
    if (!this.#isActive) return;
    if (this.#delayMs > DELAY_MAX_MS) {
      this.#skipped += 1;
      this.#stop();
      return;
    }
    const numberOfFrames = channels[0]?.length ?? 0;
    // An encoder counts on from its first samples: behind a gap there is another one.
    if (frame !== this.#nextFrame) this.#stop();
    this.#nextFrame = frame + numberOfFrames;
    const data = new Float32Array(numberOfFrames * numberOfChannels);
    for (const [at, samples] of channels.entries()) data.set(samples, at * numberOfFrames);
    const shape = { format: "f32-planar", sampleRate, numberOfChannels, numberOfFrames } as const;
    this.#encode(new AudioData({ ...shape, timestamp, data }));
  }

  #encode(sound: AudioData): void {
    try {
      this.#encoder ??= this.#started();
      this.#encoder.encode(sound);
    } catch (error) {
      this.#fail(error);
    }
    sound.close();
  }

  #started(): AudioEncoder {
    const encoder: AudioEncoder = new AudioEncoder({
      output: (chunk, metadata) => this.#encoder === encoder && this.#encoded(chunk, metadata),
      error: error => this.#encoder === encoder && this.#fail(error),
    });
    encoder.configure(this.#config);
    return encoder;
  }

  #encoded(chunk: EncodedAudioChunk, metadata: EncodedAudioChunkMetadata | undefined): void {
    // The channels and rate of Opus are in `meta`; what other codecs must know goes along with each frame.
    if (this.#config.codec !== "opus")
      this.#description = metadata?.decoderConfig?.description ?? this.#description;
    const data = new Uint8Array(chunk.byteLength);
    chunk.copyTo(data);
    const config = this.#description && { audioConfig: new Uint8Array(this.#description as ArrayBuffer) };
    const payload = writeLoc({ timestampUs: chunk.timestamp + this.#aheadUs, ...config, data });
    this.#meter.count(data.length, 0, true);
    this.#say({ is: "payload", layer: 0, keyframe: true, payload }, [payload.buffer]);
  }

  #fail(error: unknown): void {
    this.#stop();
    if (this.#failures.add(performance.now())) this.#say({ is: "failed", message: String(error) });
  }
}
