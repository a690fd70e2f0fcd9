// What a stream says of itself (`spec/media.md` §Description). Read strictly, because another member wrote it; unknown
// fields are passed over. Pure.
import { decode, encode } from "../token/base64url.ts";
import { MediaError } from "./error.ts";

/** How a stream is decoded, and what it belongs to: the names are those of WebCodecs. */
export interface MediaMeta {
  /** A codec string of the WebCodecs Codec Registry. */
  readonly codec: string;
  /** What the decoder must know first, if that does not change. */
  readonly description?: Uint8Array<ArrayBuffer>;
  /** In pixels. */
  readonly codedWidth?: number;
  /** In pixels. */
  readonly codedHeight?: number;
  /** Frames per second. */
  readonly framerate?: number;
  /** Bits per second. */
  readonly bitrate?: number;
  /** Samples per second. */
  readonly sampleRate?: number;
  /** How many channels the sound has. */
  readonly numberOfChannels?: number;
  /** The name of the picture or sound that the stream is a layer of. */
  readonly of?: string;
  /** 0 is the largest. */
  readonly layer?: number;
  /** Streams of one publisher with the same text are played together. */
  readonly sync?: string;
  /** Clockwise, in degrees. */
  readonly rotation?: 0 | 90 | 180 | 270;
  /** Whether the picture is mirrored, before it is rotated. */
  readonly flip?: boolean;
}

/** The relay's `stream_meta_bytes_max`. */
export const META_BYTES_MAX = 1024;

const integer =
  (min: number, max: number) =>
  (value: unknown): boolean =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
const text =
  (form: RegExp) =>
  (value: unknown): boolean =>
    typeof value === "string" && form.test(value);
const NAME = text(/^[\w.:-]{1,256}$/);

/** What each field may be. The bounds are those that browsers have, so that no value reaches a decoder unseen. */
const FIELDS: Record<Exclude<keyof MediaMeta, "description">, (value: unknown) => boolean> = {
  codec: text(/^[\w.+-]{1,64}$/),
  codedWidth: integer(1, 16_384),
  codedHeight: integer(1, 16_384),
  framerate: value => typeof value === "number" && value > 0 && value <= 1000,
  bitrate: integer(1, 1e9),
  sampleRate: integer(3000, 768_000),
  numberOfChannels: integer(1, 32),
  of: NAME,
  layer: integer(0, 255),
  sync: text(/^[^\p{C}]{1,64}$/u),
  rotation: value => [0, 90, 180, 270].includes(value as number),
  flip: value => typeof value === "boolean",
};

function object(meta: string | undefined): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(meta ?? "");
  } catch {
    throw new MediaError("meta_invalid", "not JSON");
  }
  if (typeof value !== "object" || !value || Array.isArray(value))
    throw new MediaError("meta_invalid", "no object");
  return value as Record<string, unknown>;
}

/**
 * Reads a stream's `meta`.
 *
 * ```ts
 * const { codec, of = stream.name, layer = 0 } = readMeta(stream.meta);
 * ```
 *
 * @throws `MediaError` `meta_invalid`, with the field that is wrong.
 */
export function readMeta(meta: string | undefined): MediaMeta {
  const given = object(meta);
  if (given["container"] !== "loc") throw new MediaError("meta_invalid", "container");
  if (given["codec"] === undefined) throw new MediaError("meta_invalid", "codec");
  const read: Record<string, unknown> = {};
  for (const [field, isValid] of Object.entries(FIELDS)) {
    if (given[field] === undefined) continue;
    if (!isValid(given[field])) throw new MediaError("meta_invalid", field);
    read[field] = given[field];
  }
  const { description } = given;
  if (description !== undefined) {
    read["description"] = typeof description === "string" ? decode(description) : undefined;
    if (!read["description"]) throw new MediaError("meta_invalid", "description");
  }
  return read as unknown as MediaMeta;
}

/**
 * Writes a stream's `meta`.
 *
 * ```ts
 * await room.publish("cam", "video", { meta: writeMeta({ codec: "vp8", codedWidth: 640, codedHeight: 360 }) });
 * ```
 *
 * @throws `MediaError` `meta_invalid`, if it is longer than the relay takes.
 */
export function writeMeta({ description, ...meta }: MediaMeta): string {
  const written = JSON.stringify({
    container: "loc",
    ...meta,
    ...(description && { description: encode(description) }),
  });
  if (new TextEncoder().encode(written).length > META_BYTES_MAX)
    throw new MediaError("meta_invalid", "too long");
  return written;
}
