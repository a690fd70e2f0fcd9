// What the pages of the facts have besides the SDK: pictures that carry their number, sound that clicks, and what was
// seen and heard of both. The publisher is made of bare WebCodecs, without our own.
import { connect, type Publisher, type Room } from "../../../src/client/index.ts";
import { writeLoc } from "../../../src/media/loc.ts";
import { type MediaMeta, writeMeta } from "../../../src/media/meta.ts";
import type { PlayOptions } from "../../../src/media/play/options.ts";
import { type Player, play } from "../../../src/media/play/player.ts";
import { publishCanvas } from "../../../src/media/publish/publish.ts";

const BITS = 16;
const now = () => performance.timeOrigin + performance.now();

/** A publisher of numbers. */
export interface Numbers {
  readonly publisher: Publisher;
  /** When each number was drawn. */
  readonly drawnAtMs: number[];
  resize(width: number, height: number): void;
  spoil(count: number): void;
  stop(): void;
}

export interface NumbersOptions {
  codec?: string;
  width?: number;
  height?: number;
  fps?: number;
  gopMs?: number;
  bitrate?: number;
  meta?: Partial<MediaMeta>;
}

/** Draws a number: 16 blocks, black and white, above red, green and blue. */
function drawNumber(canvas: OffscreenCanvas | HTMLCanvasElement, n: number, noise: number): void {
  const context = canvas.getContext("2d", { alpha: false }) as CanvasRenderingContext2D;
  const { width, height } = canvas;
  for (let bit = 0; bit < BITS; bit += 1) {
    context.fillStyle = (n >> bit) & 1 ? "#fff" : "#000";
    context.fillRect((bit * width) / BITS, 0, width / BITS + 1, height / 2);
  }
  ["#f00", "#0f0", "#00f"].forEach((color, at) => {
    context.fillStyle = color;
    context.fillRect((at * width) / 3, height / 2, width / 3 + 1, height / 2);
  });
  // Something for the encoder to do: the rate that was asked for is used.
  for (let k = 0; k < noise; k += 1) {
    context.fillStyle = `hsl(${Math.random() * 360} 80% 50%)`;
    context.fillRect(Math.random() * width, height * (0.8 + Math.random() * 0.2), 12, 6);
  }
}

/** What is on a canvas: its number, and the colours below it. */
export function readNumber(context: CanvasRenderingContext2D): { n: number; colors: number[][] } {
  const { width, height } = context.canvas;
  const { data } = context.getImageData(0, height / 4, width, 1);
  let n = 0;
  for (let bit = 0; bit < BITS; bit += 1) {
    const at = Math.floor(((bit + 0.5) * width) / BITS) * 4;
    if ((data[at] ?? 0) > 127) n |= 1 << bit;
  }
  const below = context.getImageData(0, height * 0.75, width, 1).data;
  const colors = [0, 1, 2].map(at => [...below.slice(Math.floor(((at + 0.5) * width) / 3) * 4).slice(0, 3)]);
  return { n, colors };
}

/** Publishes numbers as a picture. */
export async function numbers(room: Room, name: string, options: NumbersOptions = {}): Promise<Numbers> {
  const { codec = "vp8", width = 640, height = 360, fps = 30, gopMs = 2000, bitrate = 1_000_000 } = options;
  const meta = writeMeta({ codec, framerate: fps, bitrate, sync: "one", ...options.meta });
  const publisher = await room.publish(name, "video", { meta });
  let wantsKeyframe = true;
  let spoilt = 0;
  publisher.on("keyframeWanted", () => {
    wantsKeyframe = true;
  });
  const encoder = new VideoEncoder({
    output: chunk => {
      const data = new Uint8Array(chunk.byteLength);
      chunk.copyTo(data);
      if (spoilt > 0) {
        spoilt -= 1;
        data.fill(0xff);
      }
      publisher.send(writeLoc({ timestampUs: chunk.timestamp, data }), { keyframe: chunk.type === "key" });
    },
    error: error => {
      throw error;
    },
  });
  const canvas = new OffscreenCanvas(width, height);
  const configure = () =>
    encoder.configure({
      codec,
      width: canvas.width,
      height: canvas.height,
      bitrate,
      framerate: fps,
      latencyMode: "realtime",
      ...(codec.startsWith("avc1") && { avc: { format: "annexb" as const } }),
    });
  configure();
  const drawnAtMs: number[] = [];
  let keyAtMs = 0;
  const timer = setInterval(() => {
    if (encoder.encodeQueueSize > 2) return;
    const n = drawnAtMs.length;
    const atMs = now();
    drawNumber(canvas, n, (options.bitrate ?? 0) / 25_000);
    drawnAtMs.push(atMs);
    const frame = new VideoFrame(canvas, { timestamp: Math.round(atMs * 1000) });
    const keyFrame = wantsKeyframe || atMs - keyAtMs >= gopMs;
    if (keyFrame) keyAtMs = atMs;
    wantsKeyframe = false;
    encoder.encode(frame, { keyFrame });
    frame.close();
  }, 1000 / fps);
  return {
    publisher,
    drawnAtMs,
    resize: (width, height) => {
      canvas.width = width;
      canvas.height = height;
      configure();
      wantsKeyframe = true;
    },
    spoil: count => {
      spoilt = count;
      wantsKeyframe = true;
    },
    stop: () => {
      clearInterval(timer);
      encoder.close();
      publisher.end();
    },
  };
}

/** Publishes numbers from a canvas of the page, by our own publisher. */
export async function canvasNumbers(
  room: Room,
  name: string,
  width: number,
  height: number,
  lines: readonly number[] = [height],
): Promise<number[]> {
  const canvas = document.body.appendChild(document.createElement("canvas"));
  Object.assign(canvas, { width, height });
  const drawnAtMs: number[] = [];
  const draw = () => {
    drawNumber(canvas, drawnAtMs.length, 40);
    drawnAtMs.push(now());
  };
  draw();
  setInterval(draw, 1000 / 30);
  const layers = lines.map(lines => ({ lines, bitrate: lines * 4000 }));
  await publishCanvas(room, canvas, { name, layers, worker: "/media-worker.js" });
  return drawnAtMs;
}

const RATE = 48_000;
const FRAME = 960;

/** A publisher of clicks. */
export interface Clicks {
  stop(): void;
}

/** Publishes a click at each full half second of the clock. */
export async function clicks(room: Room, name: string): Promise<Clicks> {
  const meta = writeMeta({ codec: "opus", sampleRate: RATE, numberOfChannels: 1, sync: "one" });
  const publisher = await room.publish(name, "audio", { meta });
  const encoder = new AudioEncoder({
    output: chunk => {
      const data = new Uint8Array(chunk.byteLength);
      chunk.copyTo(data);
      publisher.send(writeLoc({ timestampUs: chunk.timestamp, data }), { keyframe: true });
    },
    error: error => {
      throw error;
    },
  });
  encoder.configure({ codec: "opus", sampleRate: RATE, numberOfChannels: 1, bitrate: 32_000 });
  let doneMs = now();
  const timer = setInterval(() => {
    for (; doneMs + 20 <= now(); doneMs += 20) {
      const data = new Float32Array(FRAME);
      for (let n = 0; n < FRAME; n += 1) {
        const inMs = (doneMs + n / 48) % 500;
        if (inMs < 10) data[n] = 0.8 * Math.sin((2 * Math.PI * 1000 * inMs) / 1000);
      }
      const init = { format: "f32-planar" as const, sampleRate: RATE, numberOfChannels: 1 };
      const sound = new AudioData({
        ...init,
        numberOfFrames: FRAME,
        timestamp: Math.round(doneMs * 1000),
        data,
      });
      encoder.encode(sound);
      sound.close();
    }
  }, 5);
  return {
    stop: () => {
      clearInterval(timer);
      encoder.close();
      publisher.end();
    },
  };
}

/** A picture that was drawn. */
export interface Seen {
  readonly n: number;
  readonly atMs: number;
  readonly width: number;
  readonly height: number;
}

/** What a page plays, and has seen of it. */
export interface Viewer {
  readonly player: Player;
  readonly canvas: HTMLCanvasElement;
  readonly seen: Seen[];
  readonly states: string[];
  readonly layers: { layer: number; why: string; atMs: number }[];
  readonly startedAtMs: number;
  /** Resolves when so many pictures were seen. */
  saw(count: number): Promise<void>;
}

/** Plays on a canvas of the page, and notes what is drawn on it. */
export function view(room: Room, options: Partial<PlayOptions>): Viewer {
  const canvas = document.body.appendChild(document.createElement("canvas"));
  const context = canvas.getContext("2d", { alpha: false }) as CanvasRenderingContext2D;
  const seen: Seen[] = [];
  const waits: { count: number; resolve(): void }[] = [];
  const draw = context.drawImage.bind(context) as (...args: unknown[]) => void;
  context.drawImage = (...args: unknown[]) => {
    draw(...args);
    const { width, height } = canvas;
    seen.push({ n: readNumber(context).n, atMs: now(), width, height });
    for (const { count, resolve } of waits) if (seen.length >= count) resolve();
  };
  const startedAtMs = now();
  const player = play(room, { worker: "/media-worker.js", canvas, ...options });
  const states: string[] = [];
  player.on("state", ({ state, error }) => states.push(error ? `${state} ${error.code}` : state));
  const layers: Viewer["layers"] = [];
  player.on("layer", ({ layer, why }) => layers.push({ layer, why, atMs: now() }));
  const saw = (count: number) =>
    new Promise<void>(resolve => {
      if (seen.length >= count) resolve();
      else waits.push({ count, resolve });
    });
  return { player, canvas, seen, states, layers, startedAtMs, saw };
}

/** Numbers on the glass: what the canvas holds at each frame of the display. */
export function glass(viewer: Viewer): { n: number; atMs: number }[] {
  const context = viewer.canvas.getContext("2d") as CanvasRenderingContext2D;
  const shown: { n: number; atMs: number }[] = [];
  const look = () => {
    const { n } = readNumber(context);
    if (shown.at(-1)?.n !== n) shown.push({ n, atMs: now() });
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  return shown;
}

/** A click that left the speakers, and how much later than it was made. */
export interface Click {
  readonly atMs: number;
  readonly lateMs: number;
}

/** Notes clicks on their way to the speakers. To be called before there is a context. */
export function listen(): Click[] {
  const heard: Click[] = [];
  const policy = (
    globalThis as unknown as {
      trustedTypes: { createPolicy(name: string, rules: object): { createScriptURL(url: string): string } };
    }
  ).trustedTypes.createPolicy("tap", { createScriptURL: (url: string) => url });
  const connect = AudioNode.prototype.connect as (this: AudioNode, to: AudioNode) => AudioNode;
  AudioNode.prototype.connect = function (this: AudioNode, to: AudioNode) {
    if (to instanceof AudioDestinationNode) tap(this, policy.createScriptURL("/tap.js"), heard);
    return connect.call(this, to);
  } as never;
  return heard;
}

/** How long the device of the page's last context takes. */
export const deviceMs = (): number => (lastContext?.outputLatency ?? Number.NaN) * 1000;
let lastContext: AudioContext | undefined;

async function tap(node: AudioNode, url: string, heard: Click[]): Promise<void> {
  const context = node.context as AudioContext;
  lastContext = context;
  await context.audioWorklet.addModule(url);
  const tap = new AudioWorkletNode(context, "tap", { numberOfOutputs: 0 });
  tap.port.onmessage = ({ data: atS }: MessageEvent<number>) => {
    const { contextTime = 0, performanceTime = 0 } = context.getOutputTimestamp();
    const atMs = performance.timeOrigin + performanceTime + (atS - contextTime) * 1000;
    heard.push({ atMs, lateMs: atMs % 500 });
  };
  node.connect(tap);
}

export { connect, now, play };
