// The worklet that takes a microphone's samples and hands them to the worker, a frame of the codec at a time. Runs in
// an `AudioWorkletGlobalScope`.

/** What TypeScript's libraries do not say of that scope. */
interface Scope {
  AudioWorkletProcessor: new () => { readonly port: MessagePort };
  registerProcessor(name: string, processor: unknown): void;
  readonly currentFrame: number;
}

/** The processor's name. */
export const CAPTURE = "stagedoor-capture";

/** How it is made. */
export interface CaptureOptions {
  readonly channels: number;
  /** Samples of one frame of the codec. */
  readonly length: number;
}

/** Samples that belong together. */
export interface Samples {
  /** One array for each channel that the source has. */
  readonly channels: Float32Array<ArrayBuffer>[];
  /** Which sample of the context the first one is. */
  readonly frame: number;
}

/** Gathers the browser's small blocks into frames. Pure. */
export class Gather {
  readonly #length: number;
  readonly #channels: number;
  #frames: Float32Array<ArrayBuffer>[] = [];
  #filled = 0;

  constructor({ channels, length }: CaptureOptions) {
    this.#channels = channels;
    this.#length = length;
  }

  /** Adds a block whose first sample is number `frame`; the frames that are full now. */
  add(block: readonly Float32Array[], frame: number): Samples[] {
    const full: Samples[] = [];
    const size = block[0]?.length ?? 0;
    for (let at = 0; at < size; ) {
      if (!this.#filled) {
        this.#frames = Array.from({ length: this.#channels }, () => new Float32Array(this.#length));
      }
      const take = Math.min(size - at, this.#length - this.#filled);
      for (const [channel, samples] of this.#frames.entries()) {
        const from = block[channel] ?? block[0];
        if (from) samples.set(from.subarray(at, at + take), this.#filled);
      }
      at += take;
      this.#filled += take;
      if (this.#filled < this.#length) continue;
      full.push({ channels: this.#frames, frame: frame + at - this.#length });
      this.#filled = 0;
    }
    return full;
  }
}

/** Tells the browser of the processor. Its first message is the port to which samples go, its second the end. */
export function registerCapture(): void {
  const scope = globalThis as unknown as Scope;
  class Capture extends scope.AudioWorkletProcessor {
    readonly #gather: Gather;
    #to: MessagePort | undefined;
    #isOver = false;

    constructor({ processorOptions }: { processorOptions: CaptureOptions }) {
      super();
      this.#gather = new Gather(processorOptions);
      this.port.onmessage = ({ ports: [to] }: MessageEvent<unknown>) => {
        this.#to = to;
        this.#isOver = !to;
      };
    }

    process([input = []]: readonly (readonly Float32Array[])[]): boolean {
      for (const samples of this.#gather.add(input, scope.currentFrame)) {
        this.#to?.postMessage(
          samples,
          samples.channels.map(({ buffer }) => buffer),
        );
      }
      return !this.#isOver;
    }
  }
  scope.registerProcessor(CAPTURE, Capture);
}
