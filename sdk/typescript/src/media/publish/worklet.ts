// The worklet that takes a microphone's samples and hands them to the worker. Runs in an `AudioWorkletGlobalScope`.

/** What TypeScript's libraries do not say of that scope. */
interface Scope {
  AudioWorkletProcessor: new () => { readonly port: MessagePort };
  registerProcessor(name: string, processor: unknown): void;
  readonly currentFrame: number;
}

/** The processor's name. */
export const CAPTURE = "stagedoor-capture";

/** Samples that came together: one array for each channel. */
export interface Samples {
  readonly channels: Float32Array<ArrayBuffer>[];
  /** Which sample of the context the first one is. */
  readonly frame: number;
}

/** Tells the browser of the processor. Its first message is the port to which samples go. */
export function registerCapture(): void {
  const scope = globalThis as unknown as Scope;
  class Capture extends scope.AudioWorkletProcessor {
    #to: MessagePort | undefined;
    #isOver = false;

    constructor() {
      super();
      this.port.onmessage = ({ data, ports }: MessageEvent<unknown>) => {
        if (data === "end") this.#isOver = true;
        this.#to = ports[0];
      };
    }

    process([input = []]: readonly (readonly Float32Array[])[]): boolean {
      // The browser uses its arrays again.
      const channels = input.map(channel => channel.slice());
      if (channels.length) {
        const samples = { channels, frame: scope.currentFrame } as Samples;
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
