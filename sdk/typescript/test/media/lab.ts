// What runs in the pages of the facts: a canvas that shows its frame's number, and bare decoders that read it again.
// Uses WebCodecs itself, so that the SDK does not judge its own work.
import * as client from "../../src/client/index.ts";
import * as media from "../../src/media/index.ts";
import { readLoc } from "../../src/media/loc.ts";

/** A picture that came. */
export interface Seen {
  /** The number that was drawn. */
  readonly number: number;
  readonly width: number;
  readonly height: number;
  /** The colours below: left, middle, right; each red, green, blue. */
  readonly colours: number[][];
  /** Unix time in milliseconds: when it was captured, and when it was decoded. */
  readonly capturedMs: number;
  readonly seenMs: number;
  readonly isKeyframe: boolean;
}

/** A sound that came. */
export interface Heard {
  readonly timestampUs: number;
  readonly heardMs: number;
  readonly keyframe: boolean;
  readonly data: Uint8Array;
}

const BITS = 16;
const COLOURS = ["rgb(200,30,30)", "rgb(30,160,30)", "rgb(30,30,200)"];

/** Unix time in milliseconds, with its fractions. */
export const nowMs = (): number => performance.timeOrigin + performance.now();

/** A canvas that shows a number, another one in each frame. */
export class Drawing {
  readonly canvas: HTMLCanvasElement = document.createElement("canvas");
  /** When each number was drawn. */
  readonly drawnMs: number[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #noise: boolean;

  /** With `noise` it is hard to encode. */
  constructor(width: number, height: number, fps = 30, noise = false) {
    Object.assign(this.canvas, { width, height });
    this.#noise = noise;
    document.body.append(this.canvas);
    this.draw();
    this.#timer = setInterval(() => this.draw(), 1000 / fps);
  }

  draw(): void {
    const { width, height } = this.canvas;
    const ink = this.canvas.getContext("2d", { willReadFrequently: true });
    if (!ink) throw new Error("no canvas");
    const number = this.drawnMs.length;
    for (let bit = 0; bit < BITS; bit += 1) {
      ink.fillStyle = number & (1 << bit) ? "#fff" : "#000";
      ink.fillRect((bit * width) / BITS, 0, width / BITS + 1, height / 4);
    }
    for (const [at, colour] of COLOURS.entries()) {
      ink.fillStyle = colour;
      ink.fillRect((at * width) / 3, height / 4, width / 3 + 1, height);
    }
    for (let dot = 0; this.#noise && dot < 80; dot += 1) {
      ink.fillStyle = `hsl(${Math.random() * 360} 90% 50%)`;
      ink.fillRect(Math.random() * width, height * (0.7 + Math.random() * 0.3), width / 40, height / 40);
    }
    this.drawnMs.push(nowMs());
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Decodes a stream and reads what it shows. */
export class Viewer {
  readonly seen: Seen[] = [];
  readonly sounds: Heard[] = [];
  readonly errors: string[] = [];
  /** Keyframes among what came, and all that came. */
  keyframes = 0;
  frames = 0;
  /** How far behind its capture each frame came: when, and how much, in milliseconds. */
  readonly behind: [atMs: number, behindMs: number][] = [];
  stream: client.FoundStream | undefined;
  readonly name: string;
  readonly subscription: client.Subscription;
  #decoder: VideoDecoder | undefined;
  readonly #isKeyframe = new Map<number, boolean>();
  readonly #canvas = new OffscreenCanvas(1, 1);
  #changed: () => void = () => {};

  private constructor(name: string, subscription: client.Subscription) {
    this.name = name;
    this.subscription = subscription;
    subscription.on("frame", frame => this.#frame(frame));
    subscription.on("ended", ({ reason }) => this.errors.push(`ended: ${reason}`));
    subscription.on("lagged", () => this.#decoder?.close());
  }

  static async of(room: client.Room, name: string): Promise<Viewer> {
    return new Viewer(name, await room.subscribe(name));
  }

  #frame({ stream, keyframe, payload }: client.Frame): void {
    this.frames += 1;
    if (keyframe) this.keyframes += 1;
    const read = readLoc(payload);
    if (typeof read === "string") {
      this.errors.push(read);
      return;
    }
    this.behind.push([nowMs(), nowMs() - read.timestampUs / 1000]);
    this.stream = stream;
    if (stream.kind === "audio") {
      this.sounds.push({ timestampUs: read.timestampUs, heardMs: nowMs(), keyframe, data: read.data });
      this.#changed();
      return;
    }
    if (keyframe && this.#decoder?.state !== "configured") this.#start(media.readMeta(stream.meta).codec);
    if (this.#decoder?.state !== "configured") return;
    const { timestampUs: timestamp, data } = read;
    this.#isKeyframe.set(timestamp, keyframe);
    this.#decoder.decode(new EncodedVideoChunk({ type: keyframe ? "key" : "delta", timestamp, data }));
  }

  #start(codec: string): void {
    this.#decoder = new VideoDecoder({
      output: frame => this.#see(frame),
      error: error => this.errors.push(String(error)),
    });
    this.#decoder.configure({ codec, optimizeForLatency: true });
  }

  #see(frame: VideoFrame): void {
    const { displayWidth: width, displayHeight: height, timestamp } = frame;
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      Object.assign(this.#canvas, { width, height });
    }
    const ink = this.#canvas.getContext("2d", { willReadFrequently: true });
    if (!ink) throw new Error("no canvas");
    ink.drawImage(frame, 0, 0, width, height);
    frame.close();
    const at = (x: number, y: number) => [...ink.getImageData(x * width, y * height, 1, 1).data.slice(0, 3)];
    let number = 0;
    for (let bit = 0; bit < BITS; bit += 1) {
      if ((at((bit + 0.5) / BITS, 0.125)[0] ?? 0) > 127) number |= 1 << bit;
    }
    const colours = [1, 3, 5].map(sixth => at(sixth / 6, 0.5));
    const isKeyframe = this.#isKeyframe.get(timestamp) === true;
    this.seen.push({
      number,
      width,
      height,
      colours,
      capturedMs: timestamp / 1000,
      seenMs: nowMs(),
      isKeyframe,
    });
    this.#changed();
  }

  /** The loudest sample of all sounds that came, from 0 to 1. */
  async loudest(): Promise<number> {
    let loudest = 0;
    const decoder = new AudioDecoder({
      output: sound => {
        const samples = new Float32Array(sound.numberOfFrames);
        sound.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
        loudest = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), loudest);
        sound.close();
      },
      error: error => this.errors.push(String(error)),
    });
    const { codec, sampleRate = 0, numberOfChannels = 0 } = media.readMeta(this.stream?.meta);
    decoder.configure({ codec, sampleRate, numberOfChannels });
    for (const { timestampUs: timestamp, data } of this.sounds) {
      decoder.decode(new EncodedAudioChunk({ type: "key", timestamp, data }));
    }
    await decoder.flush();
    return loudest;
  }

  /** Resolves as soon as it holds, asked after each picture. */
  until(holds: (viewer: Viewer) => boolean): Promise<void> {
    return new Promise(resolve => {
      const look = () => holds(this) && resolve();
      this.#changed = look;
      look();
    });
  }
}

/** What a page has. */
const lab = { client, media, Drawing, Viewer, nowMs };
export type Lab = typeof lab;
Object.assign(globalThis, { lab });
