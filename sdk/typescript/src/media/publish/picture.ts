// The worker's part for pictures: takes them from where they come, lets go of those that are too many, and hands the
// others to the encoders of the layers that are read.
import { nowUs, Stamps } from "../clock.ts";
import { Failures } from "../coding.ts";
import { Control, Pace } from "./control.ts";
import { LayerEncoder } from "./encoder.ts";
import { layerSize } from "./layers.ts";
import type { ToPage, ToWorker, VideoSettings } from "./protocol.ts";

/** How often the page is asked how the line is. */
export const TICK_MS = 100;

interface Processor {
  readonly readable: ReadableStream<VideoFrame>;
}

/** Safari has it in workers alone. */
const { MediaStreamTrackProcessor: ProcessorClass } = globalThis as {
  MediaStreamTrackProcessor?: new (init: { track: MediaStreamTrack }) => Processor;
};

export class Picture {
  readonly #settings: VideoSettings;
  readonly #say: (said: ToPage, transfer?: Transferable[]) => void;
  readonly #encoders: LayerEncoder[];
  readonly #control: Control;
  readonly #pace: Pace = new Pace();
  readonly #stamps: Stamps = new Stamps();
  readonly #failures: Failures = new Failures();
  #reader: ReadableStreamDefaultReader<VideoFrame> | undefined;
  #track: MediaStreamTrack | undefined;
  /** What was encoded last, for a keyframe of a picture that stands still. */
  #last: VideoFrame | undefined;
  #isLastOut = false;
  #lastMs = 0;
  #active: readonly boolean[] = [];
  #line = { bufferedBytes: 0, delayMs: 0 };
  #heardMs: number = performance.now();
  #bitrateMax = Number.POSITIVE_INFINITY;
  #skipped = 0;

  constructor(settings: VideoSettings, say: (said: ToPage, transfer?: Transferable[]) => void) {
    this.#settings = settings;
    this.#say = say;
    this.#control = new Control(settings.layers.length, settings.framerate);
    this.#encoders = settings.codecs.map(
      (codec, layer) =>
        new LayerEncoder(codec, settings.contentHint, settings.gopMs, {
          payload: (payload, keyframe) => say({ is: "payload", layer, keyframe, payload }, [payload.buffer]),
          failed: error => this.#failed(error),
        }),
    );
  }

  /** Hears the page. */
  hear(said: ToWorker): void {
    switch (said.is) {
      case "source":
        this.#from(said.from);
        break;
      case "frame":
        this.#frame(said.frame);
        break;
      case "still":
        if (this.#last) said.frame.close();
        else this.#keep(said.frame);
        break;
      case "tock":
        this.#line = said;
        this.#heardMs = performance.now();
        this.#setActive(said.active);
        break;
      case "keyframe":
        this.#encoders[said.layer]?.wantKeyframe();
        break;
      case "bitrate":
        this.#bitrateMax = said.max;
    }
  }

  /** Of a picture that stands still the last frame goes out, also if it was let go, and again as a keyframe. */
  tick(): void {
    const last = this.#last;
    const stepMs = Math.max(TICK_MS, 1000 / this.#control.framerate);
    if (!last || performance.now() - this.#lastMs < stepMs) return;
    if (!this.#isLastOut || this.#isWanting())
      this.#isLastOut = this.#encode(last, this.#stamps.now(nowUs()));
  }

  /** What was done since the last time. */
  stats(): ToPage {
    const nowMs = performance.now();
    const layers = this.#encoders.map(({ meter }) => meter.read(nowMs));
    return { is: "stats", layers, skipped: this.#skipped, limit: this.#control.limit };
  }

  end(): void {
    this.#from(undefined);
    this.#keep(undefined);
    for (const encoder of this.#encoders) encoder.stop();
  }

  #from(source: ReadableStream<VideoFrame> | MediaStreamTrack | undefined): void {
    this.#reader?.cancel().catch(() => {});
    this.#track?.stop();
    this.#reader = this.#track = undefined;
    if (!source) return;
    const isStream = source instanceof ReadableStream;
    if (!isStream) this.#track = source;
    const readable = isStream ? source : ProcessorClass && new ProcessorClass({ track: source }).readable;
    if (readable) {
      this.#reader = readable.getReader();
      this.#read(this.#reader);
    }
  }

  async #read(reader: ReadableStreamDefaultReader<VideoFrame>): Promise<void> {
    for (;;) {
      // A source that ends or breaks says so to the page, by its track.
      const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
      if (done || !value) return;
      if (reader === this.#reader) this.#frame(value);
      else value.close();
    }
  }

  #setActive(active: readonly boolean[]): void {
    for (const [layer, encoder] of this.#encoders.entries()) {
      if (this.#active[layer] && !active[layer]) encoder.stop();
    }
    this.#active = active;
  }

  #isOn(layer: number): boolean {
    return this.#active[layer] === true && layer >= this.#control.firstLayer;
  }

  #isWanting(): boolean {
    return this.#encoders.some((encoder, layer) => this.#isOn(layer) && encoder.wantsKeyframe);
  }

  /** Takes a frame; it is closed here, or kept as the last. */
  #frame(frame: VideoFrame): void {
    const atUs = this.#stamps.at(frame.timestamp, nowUs());
    this.#isLastOut = this.#pace.admits(atUs / 1000, this.#control.framerate) && this.#encode(frame, atUs);
    this.#keep(frame);
  }

  #keep(frame: VideoFrame | undefined): void {
    if (this.#last !== frame) this.#last?.close();
    this.#last = frame;
  }

  /** Gives a frame to each layer that is read, unless it is one too many; whether it did. */
  #encode(frame: VideoFrame, atUs: number): boolean {
    if (!this.#active.includes(true)) return false;
    const nowMs = performance.now();
    const queued = Math.max(...this.#encoders.map(encoder => encoder.queued));
    // A page that does not answer takes nothing either.
    const delayMs = Math.max(this.#line.delayMs, nowMs - this.#heardMs - TICK_MS);
    if (!this.#control.admits({ queued, bufferedBytes: this.#line.bufferedBytes, delayMs }, nowMs)) {
      this.#skipped += 1;
      return false;
    }
    this.#lastMs = nowMs;
    const stamped = new VideoFrame(frame, { timestamp: atUs });
    const { displayWidth: width, displayHeight: height } = frame;
    for (const [at, layer] of this.#settings.layers.entries()) {
      if (!this.#isOn(at)) continue;
      const bitrate = Math.min(layer.bitrate, this.#bitrateMax) * (at === 0 ? this.#control.part : 1);
      const framerate = this.#control.framerate;
      this.#encoders[at]?.encode(stamped, { ...layerSize({ width, height }, layer), bitrate, framerate });
    }
    stamped.close();
    return true;
  }

  #failed(error: unknown): void {
    if (this.#failures.add(performance.now())) this.#say({ is: "failed", message: String(error) });
  }
}
