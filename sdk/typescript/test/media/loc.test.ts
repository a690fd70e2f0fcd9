// The container of audio and video, on all vectors of the specification.
import { expect, test } from "vitest";
import { type MediaFrame, readLoc, writeLoc } from "../../src/media/loc.ts";
import { vectors } from "../vectors.ts";

interface Case {
  readonly name: string;
  readonly hex: string;
  readonly error?: string;
  readonly read?: {
    readonly timestamp_us: number | bigint;
    readonly audio_level: { voice: boolean; level: number } | null;
    readonly video_config: string | null;
    readonly audio_config: string | null;
    readonly data: string;
  };
}

const [{ cases } = { cases: [] }] = vectors<{ cases: Case[] }>("media", "payloads.json");
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));

/** What a case says, as a frame. */
function frameOf(read: NonNullable<Case["read"]>): MediaFrame {
  return {
    timestampUs: Number(read.timestamp_us),
    ...(read.audio_level && { audioLevel: read.audio_level }),
    ...(read.video_config !== null && { videoConfig: bytes(read.video_config) }),
    ...(read.audio_config !== null && { audioConfig: bytes(read.audio_config) }),
    data: bytes(read.data),
  };
}

test.for(cases.filter(({ error }) => error))("a payload is refused: $name", ({ hex, error }) => {
  expect(readLoc(bytes(hex))).toBe(error);
});

test.for(cases.filter(({ read }) => read))("a payload is read: $name", ({ hex, read }) => {
  if (read) expect(readLoc(bytes(hex))).toEqual(frameOf(read));
});

test("what is written is read again, byte by byte as the text has it", () => {
  for (const { hex, read, name } of cases) {
    if (!read || typeof read.timestamp_us === "bigint") continue;
    const written = writeLoc(frameOf(read));
    expect(readLoc(written), name).toEqual(frameOf(read));
    // Unknown properties and long integers are not written again.
    if (!/unknown|longer forms/.test(name)) expect(Buffer.from(written).toString("hex"), name).toBe(hex);
  }
});

test("a timestamp of today takes ten bytes on each frame", () => {
  expect([...writeLoc({ timestampUs: 1_795_737_030_000_000, data: new Uint8Array() })]).toEqual([
    0x09, 0x10, 0xc0, 0x06, 0x61, 0x36, 0x9b, 0xc8, 0x7d, 0x80,
  ]);
});

test("every length of a config is read again", () => {
  for (const length of [0, 1, 63, 64, 16_383, 16_384]) {
    const frame = { timestampUs: 1, videoConfig: new Uint8Array(length).fill(7), data: new Uint8Array([1]) };
    expect(readLoc(writeLoc(frame))).toEqual(frame);
  }
});

test("no bytes whatever make it fail, and what it gives is a view", () => {
  let seed = 1;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed;
  };
  for (let round = 0; round < 20_000; round += 1) {
    const payload = Uint8Array.from({ length: random() % 24 }, () => random() % 256);
    const read = readLoc(payload);
    if (typeof read === "string") {
      expect(read).toMatch(/^(cut_short|order_invalid|level_invalid|timestamp_missing)$/);
    } else expect(read.data.buffer).toBe(payload.buffer);
  }
});
