// The payload of a data frame of audio or video (`spec/media.md`): properties, then the codec's bytes. Pure. Reserves
// nothing for a length, and copies nothing that it reads.

/** How loud a frame of audio is (RFC 6464 §3). */
export interface AudioLevel {
  /** Whether it has a voice. */
  readonly voice: boolean;
  /** In -dBov: 0 the loudest, 127 silence. */
  readonly level: number;
}

/** A frame of audio or video. */
export interface MediaFrame {
  /** When it was captured, in microseconds of Unix time. */
  readonly timestampUs: number;
  /** How loud it is. */
  readonly audioLevel?: AudioLevel;
  /** The video decoder's `description`, on keyframes of codecs that need one. */
  readonly videoConfig?: Uint8Array;
  /** The audio decoder's `description`. */
  readonly audioConfig?: Uint8Array;
  /** The codec's bytes. */
  readonly data: Uint8Array;
}

/** Why a payload is refused: the first reason that applies. */
export type LocFault = "cut_short" | "order_invalid" | "level_invalid" | "timestamp_missing";

const AUDIO_LEVEL = 0x0c;
const VIDEO_CONFIG = 0x0d;
const AUDIO_CONFIG = 0x0f;
const TIMESTAMP = 0x10;
/** The largest integer that can be written. */
const INTEGER_MAX = 2n ** 62n - 1n;

/** Bytes that are read from the front. A fault is thrown as its name. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isEmpty(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The next bytes, and not one is reserved before they are known to be there. */
  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw "cut_short" satisfies LocFault;
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** An integer of 1, 2, 4 or 8 bytes (RFC 9000 §16). */
  integer(): bigint {
    const [first = 0] = this.take(1);
    let value = BigInt(first & 0x3f);
    for (const byte of this.take((1 << (first >> 6)) - 1)) value = (value << 8n) | BigInt(byte);
    return value;
  }

  /** Bytes behind their length. */
  sized(): Uint8Array {
    return this.take(Number(this.integer()));
  }

  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.#at);
  }
}

function read(payload: Uint8Array): MediaFrame {
  const whole = new Reader(payload);
  const block = new Reader(whole.sized());
  const found: { -readonly [K in keyof MediaFrame]?: MediaFrame[K] } = {};
  let id = -1n;
  while (!block.isEmpty) {
    const step = block.integer();
    if (id >= 0n && step === 0n) throw "order_invalid" satisfies LocFault;
    id = (id < 0n ? 0n : id) + step;
    if (id > INTEGER_MAX) throw "order_invalid" satisfies LocFault;
    const value = id % 2n ? block.sized() : Number(block.integer());
    if (typeof value === "number") {
      if (id === BigInt(TIMESTAMP)) found.timestampUs = value;
      if (id === BigInt(AUDIO_LEVEL)) {
        if (value > 255) throw "level_invalid" satisfies LocFault;
        found.audioLevel = { voice: value > 127, level: value & 127 };
      }
    } else if (id === BigInt(VIDEO_CONFIG)) found.videoConfig = value;
    else if (id === BigInt(AUDIO_CONFIG)) found.audioConfig = value;
  }
  const { timestampUs } = found;
  if (timestampUs === undefined) throw "timestamp_missing" satisfies LocFault;
  return { ...found, timestampUs, data: whole.rest() };
}

/** Reads a payload; what it gives are views of it. Properties that it does not know are passed over. */
export function readLoc(payload: Uint8Array): MediaFrame | LocFault {
  try {
    return read(payload);
  } catch (fault) {
    if (typeof fault === "string") return fault as LocFault;
    throw fault;
  }
}

/** An integer in its shortest form. */
function integer(value: number): number[] {
  if (value < 0x40) return [value];
  if (value < 0x4000) return [0x40 | (value >> 8), value & 0xff];
  const isLong = value >= 2 ** 30;
  const bytes = new Uint8Array(isLong ? 8 : 4);
  const view = new DataView(bytes.buffer);
  if (isLong) view.setBigUint64(0, BigInt(value) | (3n << 62n));
  else view.setUint32(0, value + 2 ** 31);
  return [...bytes];
}

/** The properties of a frame, each with its id. */
function properties({ timestampUs, audioLevel, videoConfig, audioConfig }: MediaFrame): number[] {
  const block: number[] = [];
  let before = 0;
  const put = (id: number, value: readonly number[]) => {
    block.push(...integer(id - before), ...value);
    before = id;
  };
  if (audioLevel) put(AUDIO_LEVEL, integer((audioLevel.voice ? 128 : 0) | audioLevel.level));
  if (videoConfig) put(VIDEO_CONFIG, [...integer(videoConfig.length), ...videoConfig]);
  if (audioConfig) put(AUDIO_CONFIG, [...integer(audioConfig.length), ...audioConfig]);
  put(TIMESTAMP, integer(timestampUs));
  return block;
}

/** Room for a payload whose codec's bytes are still to come: the whole, and where they go. */
export function locWithRoom(
  frame: Omit<MediaFrame, "data">,
  dataLength: number,
): { payload: Uint8Array<ArrayBuffer>; data: Uint8Array<ArrayBuffer> } {
  const block = properties(frame as MediaFrame);
  const head = [...integer(block.length), ...block];
  const payload = new Uint8Array(head.length + dataLength);
  payload.set(head);
  return { payload, data: payload.subarray(head.length) };
}

/** Writes a payload. */
export function writeLoc(frame: MediaFrame): Uint8Array<ArrayBuffer> {
  const { payload, data } = locWithRoom(frame, frame.data.length);
  data.set(frame.data);
  return payload;
}
