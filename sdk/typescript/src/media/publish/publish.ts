// How a track or a canvas gets into a room: finds a codec that works, begins the streams, and puts the parts together.
import type { Kind, Publisher, PublishOptions, Room } from "../../client/index.ts";
import { type Carried, type Line, openPart } from "../carry.ts";
import { MediaError } from "../error.ts";
import { type MediaMeta, writeMeta } from "../meta.ts";
import { type Capture, capturePicture, captureSound, SAMPLE_RATE, wayOf } from "./capture.ts";
import { codecString, type Size, type VideoCodec } from "./codec.ts";
import {
  LAYERS,
  type Layer,
  layerNames,
  layerSize,
  layerSizeMax,
  SCREEN_LAYERS,
  usefulLayers,
} from "./layers.ts";
import { MediaPublisher } from "./media_publisher.ts";
import { firstThatWorks } from "./probe.ts";
import type { ToWorker } from "./protocol.ts";
import { Uplink } from "./uplink.ts";

/** How sound is encoded. */
export interface AudioOptions {
  /** Bits per second. 32,000 unless set. */
  readonly bitrate?: number;
  /** Milliseconds of one frame: 2.5, 5, 10, 20, 40 or 60. 20 unless set. */
  readonly frameMs?: number;
  /** Whether silence is not sent. */
  readonly dtx?: boolean;
  /** 1 unless set. */
  readonly channels?: 1 | 2;
}

/** How a track is published. */
export interface PublishTrackOptions extends Carried {
  /** The stream's name: `cam`, `mic` or `screen` unless set. */
  readonly name?: string;
  /** What it carries: what the track is of, unless set. */
  readonly kind?: "audio" | "video" | "screen";
  /** Codecs in the order in which they are tried: `["h264", "vp8", "vp9"]` unless set. */
  readonly codecs?: readonly VideoCodec[];
  /** The sizes in which a picture goes out: 720 lines and 180 lines (`low`) for cameras, 1080 lines for screens. */
  readonly layers?: readonly Layer[];
  /** Frames per second, at most. 30 unless set. */
  readonly framerate?: number;
  /** The longest time from one keyframe to the next, in milliseconds. 2,000 unless set. */
  readonly gopMs?: number;
  /** Whether `motion`, `detail` or `text` matters, or `speech` or `music`. */
  readonly contentHint?: string;
  /** How sound is encoded. */
  readonly audio?: AudioOptions;
  /** Streams of one publisher with the same text are played together: `main` unless set. */
  readonly sync?: string;
  /** How the streams are published, apart from their `meta`. */
  readonly stream?: Omit<PublishOptions, "meta">;
}

const NAMES = { audio: "mic", video: "cam", screen: "screen", data: "" };
const CODECS: readonly VideoCodec[] = ["h264", "vp8", "vp9"];

/** A stream to begin; of a picture, with its layer. */
interface Stream {
  readonly name: string;
  readonly meta: MediaMeta;
  readonly layer?: Layer;
}

/** How a track becomes streams. */
interface Recipe {
  readonly streams: readonly Stream[];
  readonly stopsHidden: boolean;
  /** What the worker must know of the streams that began. */
  settings(streams: readonly Stream[]): ToWorker;
  capture(track: MediaStreamTrack): Promise<Capture>;
}

/**
 * Publishes a track: a camera, a microphone, a screen, or one that a page has made.
 *
 * ```ts
 * const camera = await publishTrack(room, await devices.camera());
 * const microphone = await publishTrack(room, await devices.microphone());
 * ```
 *
 * @throws `MediaError` `unsupported` and `insecure_context`; what `room.publish` throws.
 */
export async function publishTrack(
  room: Room,
  track: MediaStreamTrack,
  options: PublishTrackOptions = {},
): Promise<MediaPublisher> {
  return published(room, track, options, track.getSettings() as Partial<Size>);
}

/**
 * Publishes what is drawn on a canvas.
 *
 * ```ts
 * const board = await publishCanvas(room, canvas, { name: "board", framerate: 15 });
 * ```
 *
 * @throws As `publishTrack`.
 */
export async function publishCanvas(
  room: Room,
  canvas: HTMLCanvasElement,
  options: PublishTrackOptions = {},
): Promise<MediaPublisher> {
  const [track] = canvas.captureStream(options.framerate).getVideoTracks();
  if (!track) throw new MediaError("unsupported", "the canvas gives no track");
  return published(room, track, options, canvas, canvas);
}

async function published(
  room: Room,
  track: MediaStreamTrack,
  options: PublishTrackOptions,
  { width, height }: Partial<Size>,
  canvas?: HTMLCanvasElement,
): Promise<MediaPublisher> {
  const isSound = track.kind === "audio";
  const begun: [Stream, Publisher][] = [];
  let line: Line | undefined;
  try {
    if (!globalThis.isSecureContext) throw new MediaError("insecure_context");
    if (!(isSound ? globalThis.AudioEncoder : globalThis.VideoEncoder)) throw new MediaError("unsupported");
    if (options.contentHint !== undefined) track.contentHint = options.contentHint;
    line = await openPart("publish", options);
    const kind = options.kind ?? (isSound ? "audio" : isShared(track) ? "screen" : "video");
    const size = width && height ? { width, height } : undefined;
    const { streams, settings, ...recipe } = isSound
      ? sound(line, options)
      : await picture(line, kind, size, options);
    for (const stream of streams) await begin(room, stream, kind, options, begun);
    line.port.postMessage(settings(begun.map(([stream]) => stream)));
    if (canvas) still(line, canvas);
    const [{ codec, bitrate = 0 } = { codec: "" }] = streams.map(({ meta }) => meta);
    const publishers = begun.map(([, publisher]) => publisher);
    const parts = { ...recipe, publishers, codec, bitrate, line, isOwn: !!canvas, uplink: Uplink.of(room) };
    return await new MediaPublisher(track, parts).start();
  } catch (error) {
    for (const [, publisher] of begun) publisher.end();
    line?.port.postMessage({ is: "end" });
    line?.end();
    if (canvas) track.stop();
    throw error;
  }
}

/** A canvas gives its track no picture before it is drawn on again: this is the one until then. */
function still({ port }: Line, canvas: HTMLCanvasElement): void {
  const frame = new VideoFrame(canvas, { timestamp: 0 });
  port.postMessage({ is: "still", frame } satisfies ToWorker, [frame]);
}

/** Begins a stream. A member that may not publish the smaller layers still publishes the largest. */
async function begin(
  room: Room,
  stream: Stream,
  kind: Kind,
  options: PublishTrackOptions,
  begun: [Stream, Publisher][],
): Promise<void> {
  try {
    const meta = writeMeta(stream.meta);
    begun.push([stream, await room.publish(stream.name, kind, { ...options.stream, meta })]);
  } catch (error) {
    if (!begun.length || (error as Error).name !== "RefusedError") throw error;
  }
}

/** Whether a track is of a screen, a window or a tab. */
const isShared = (track: MediaStreamTrack): boolean => "displaySurface" in track.getSettings();

function sound(
  line: Line,
  { name = NAMES.audio, sync = "main", audio = {}, ...carried }: PublishTrackOptions,
): Recipe {
  const { bitrate = 32_000, frameMs = 20, dtx = false, channels = 1 } = audio;
  const shape = { codec: "opus", sampleRate: SAMPLE_RATE, numberOfChannels: channels, bitrate };
  const opus = { frameDuration: frameMs * 1000, usedtx: dtx };
  const capturing = { channels, length: (SAMPLE_RATE / 1000) * frameMs };
  return {
    streams: [{ name, meta: { ...shape, sync } }],
    stopsHidden: false,
    settings: () => ({ is: "audio", config: { ...shape, opus } }),
    capture: track => captureSound(track, line, capturing, carried),
  };
}

async function picture(
  line: Line,
  kind: Kind,
  source: Size | undefined,
  options: PublishTrackOptions,
): Promise<Recipe> {
  const { name = NAMES[kind], sync = "main", framerate = 30, gopMs = 2000, contentHint = "" } = options;
  const codec = await firstThatWorks(options.codecs ?? CODECS);
  const way = wayOf(line.canProcess);
  if (!codec || !way) throw new MediaError("unsupported", "no codec of those that were asked for works here");
  const layers = usefulLayers(options.layers ?? (kind === "screen" ? SCREEN_LAYERS : LAYERS), source);
  const names = layerNames(name, layers);
  const streams = layers.map((layer, at): Stream => {
    const size = source && layerSize(source, layer);
    const isOne = layers.length > 1 && { of: name, layer: at };
    const coded = size && { codedWidth: size.width, codedHeight: size.height };
    // Another track may be larger: the level is that of the largest picture of the layer.
    const meta = { codec: codecString(codec, { ...layerSizeMax(layer), framerate }), ...coded, framerate };
    return { name: names[at] ?? name, layer, meta: { ...meta, bitrate: layer.bitrate, ...isOne, sync } };
  });
  return {
    streams,
    stopsHidden: way === "element",
    settings: begun => ({
      is: "video",
      codecs: begun.map(({ meta }) => meta.codec),
      layers: begun.flatMap(({ layer }) => layer ?? []),
      framerate,
      gopMs,
      contentHint,
    }),
    capture: async track => capturePicture(track, line),
  };
}
