// The worklet that plays what is in the ring. Runs in an `AudioWorkletGlobalScope`.
import type { Decoded, Heard, ToWorklet, WorkletOptions } from "./messages.ts";
import { RingMemory, RingReader, RingWriter } from "./ring.ts";

/** What TypeScript's libraries do not say of that scope. */
interface Scope {
  AudioWorkletProcessor: new () => { readonly port: MessagePort };
  registerProcessor(name: string, processor: unknown): void;
  readonly currentTime: number;
  readonly sampleRate: number;
}

/** The processor's name. */
export const PLAY = "stagedoor-play";

/** How often it tells where it is, in quanta of 128 samples: some twenty times a second. */
const TELL_QUANTA = 20;

/** Tells the browser of the processor. */
export function registerPlay(): void {
  const scope = globalThis as unknown as Scope;
  class Play extends scope.AudioWorkletProcessor {
    readonly #reader: RingReader;
    readonly #writer: RingWriter;
    #quanta = 0;
    #isOver = false;

    constructor({ processorOptions }: { processorOptions: WorkletOptions }) {
      super();
      const { ring, bufferMs, maxMs } = processorOptions;
      const memory = new RingMemory(scope.sampleRate, ring);
      this.#reader = new RingReader(memory, bufferMs, maxMs);
      this.#writer = new RingWriter(memory);
      this.port.onmessage = ({ data }: MessageEvent<ToWorklet>) => this.#hear(data);
    }

    #hear({ bufferMs, steer, port, end }: ToWorklet): void {
      if (bufferMs !== undefined) this.#reader.setBuffer(bufferMs);
      if (steer) this.#reader.steer(steer);
      if (end) this.#isOver = true;
      if (port) {
        port.onmessage = ({ data }: MessageEvent<Decoded>) => this.#writer.write(data.mediaMs, data.planes);
      }
    }

    process(_: unknown, [out = []]: readonly (readonly Float32Array[])[]): boolean {
      const reader = this.#reader;
      if (this.#quanta % TELL_QUANTA === 0) {
        const { mediaMs, isPlaying, waitingMs, underruns, droppedMs } = reader;
        const contextMs = scope.currentTime * 1000;
        const heard: Heard = { mediaMs, contextMs, isPlaying, waitingMs, underruns, droppedMs };
        this.port.postMessage(heard);
      }
      this.#quanta += 1;
      reader.read(out);
      return !this.#isOver;
    }
  }
  scope.registerProcessor(PLAY, Play);
}
