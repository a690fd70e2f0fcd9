// What a stream says of itself: strict in what it knows, blind to what it does not.
import { expect, test } from "vitest";
import { META_BYTES_MAX, type MediaMeta, readMeta, writeMeta } from "../../src/media/meta.ts";
import { LIMITS } from "../../src/spec.ts";

const whole: MediaMeta = {
  codec: "avc1.42e01f",
  description: new Uint8Array([1, 255]),
  codedWidth: 1280,
  codedHeight: 720,
  framerate: 29.97,
  bitrate: 1_500_000,
  sampleRate: 48_000,
  numberOfChannels: 2,
  of: "cam",
  layer: 1,
  sync: "ann",
  rotation: 90,
  flip: true,
};

/** The field that a description is refused for. */
function refused(fields: unknown): string {
  try {
    readMeta(typeof fields === "string" ? fields : JSON.stringify(fields));
    return "nothing";
  } catch (error) {
    return /^meta_invalid: .*\((.*)\)$/.exec((error as Error).message)?.[1] ?? String(error);
  }
}

test("what is written is read again, and unknown fields are passed over", () => {
  expect(readMeta(writeMeta(whole))).toEqual(whole);
  expect(readMeta(writeMeta({ codec: "opus" }))).toEqual({ codec: "opus" });
  const later = { container: "loc", codec: "vp8", colour: "blue", __proto__: 1 };
  expect(readMeta(JSON.stringify(later))).toEqual({ codec: "vp8" });
});

test.for([
  [undefined, "not JSON"],
  ["{", "not JSON"],
  ["[]", "no object"],
  ["null", "no object"],
  ['"loc"', "no object"],
] as const)("%s is no description", ([meta, why]) => {
  expect(() => readMeta(meta)).toThrow(`(${why})`);
});

test.for([
  ["container", undefined],
  ["container", "cmaf"],
  ["codec", undefined],
  ["codec", ""],
  ["codec", "<b>"],
  ["codec", 7],
  ["description", "a+b="],
  ["description", 7],
  ["codedWidth", 0],
  ["codedWidth", 1.5],
  ["codedHeight", 16_385],
  ["codedHeight", "720"],
  ["framerate", 0],
  ["framerate", null],
  ["bitrate", -1],
  ["sampleRate", 1],
  ["numberOfChannels", 33],
  ["of", "two words"],
  ["layer", -1],
  ["sync", ""],
  ["rotation", 45],
  ["flip", 1],
] as const)("%s may not be %s", ([field, value]) => {
  expect(refused({ container: "loc", codec: "vp8", [field]: value })).toBe(field);
});

test("a description has at most what the relay takes", () => {
  expect(META_BYTES_MAX).toBe(LIMITS.stream_meta_bytes_max);
  expect(() => writeMeta({ codec: "vp8", description: new Uint8Array(800) })).toThrow("too long");
});
