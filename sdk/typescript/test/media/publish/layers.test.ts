// Sizes, names and codecs of layers.
import { expect, test } from "vitest";
import { codecString, encoderConfig } from "../../../src/media/publish/codec.ts";
import {
  LAYERS,
  layerNames,
  layerSize,
  layerSizeMax,
  usefulLayers,
} from "../../../src/media/publish/layers.ts";

test.for([
  [1280, 720, 720, 1280, 720],
  [1920, 1080, 720, 1280, 720],
  [1280, 720, 180, 320, 180],
  [640, 360, 720, 640, 360],
  // A telephone held upright: its shorter side counts.
  [1080, 1920, 720, 720, 1280],
  [1024, 768, 180, 240, 180],
  [641, 361, 720, 640, 360],
  [853, 480, 180, 320, 180],
  [1, 1, 720, 2, 2],
] as const)("%i by %i at %i lines is %i by %i", ([width, height, lines, toWidth, toHeight]) => {
  expect(layerSize({ width, height }, { lines })).toEqual({ width: toWidth, height: toHeight });
});

test.for([
  [2560, 1080],
  [3440, 1440],
  [1440, 3440],
  [1920, 1080],
  [4096, 2160],
  [1366, 768],
  [1000, 1000],
] as const)("whatever the shape, %i by %i fits the level of its layer", ([width, height]) => {
  for (const lines of [90, 180, 360, 720, 1080]) {
    const size = layerSize({ width, height }, { lines });
    const level = (size: { width: number; height: number }) =>
      codecString("h264", { ...size, framerate: 30 });
    expect(level(size) <= level(layerSizeMax({ lines })), JSON.stringify({ lines, size })).toBe(true);
    expect(size.width / size.height).toBeCloseTo(width / height, 1);
  }
});

test("layers have names of their own, from the largest on", () => {
  expect(layerNames("cam", LAYERS)).toEqual(["cam", "cam.low"]);
  const three = [...LAYERS, { lines: 90, bitrate: 1, suffix: "tiny" }].reverse();
  expect(usefulLayers(three, undefined).map(({ lines }) => lines)).toEqual([720, 180, 90]);
  const unnamed = [3, 2, 1].map(lines => ({ lines, bitrate: 1 }));
  expect(layerNames("cam", unnamed)).toEqual(["cam", "cam.low", "cam.low2"]);
  expect(layerNames("a", usefulLayers(three, undefined))).toEqual(["a", "a.low", "a.tiny"]);
});

test("a layer that would be as large as the one before is none", () => {
  expect(usefulLayers(LAYERS, { width: 320, height: 180 })).toEqual([LAYERS[0]]);
  expect(usefulLayers(LAYERS, { width: 322, height: 182 })).toHaveLength(2);
  expect(usefulLayers([...LAYERS, ...LAYERS], undefined)).toHaveLength(2);
  expect(usefulLayers([{ lines: 720, bitrate: 1 }], { width: 16, height: 9 })).toHaveLength(1);
});

test.for([
  ["h264", 640, 360, 30, "avc1.42e01e"],
  ["h264", 1280, 720, 30, "avc1.42e01f"],
  ["h264", 1280, 720, 60, "avc1.42e020"],
  ["h264", 1920, 1080, 30, "avc1.42e028"],
  ["h264", 1920, 1080, 1, "avc1.42e028"],
  ["h264", 3840, 2160, 30, "avc1.42e033"],
  ["h264", 3840, 2160, 60, "avc1.42e034"],
  ["vp8", 1280, 720, 30, "vp8"],
  ["vp9", 1280, 720, 30, "vp09.00.31.08"],
  ["av1", 1920, 1080, 30, "av01.0.08M.08"],
] as const)("%s of %i by %i at %i is %s", ([codec, width, height, framerate, text]) => {
  expect(codecString(codec, { width, height, framerate })).toBe(text);
});

test("H.264 travels with its parameter sets, for calls and not for files", () => {
  const encoding = { width: 640, height: 360, framerate: 30, bitrate: 500_000.4 };
  expect(encoderConfig("avc1.42e01e", encoding)).toMatchObject({
    latencyMode: "realtime",
    bitrate: 500_000,
    avc: { format: "annexb" },
  });
  expect(encoderConfig("vp8", encoding)).not.toHaveProperty("avc");
});
