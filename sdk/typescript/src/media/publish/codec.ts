// How codecs are named, and how their encoders are set for a size. Pure.

/** A codec that pictures are encoded with. */
export type VideoCodec = "h264" | "vp8" | "vp9" | "av1";

/** A size in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** How one layer is encoded now. */
export interface Encoding extends Size {
  readonly framerate: number;
  readonly bitrate: number;
}

/** The level in a codec's string, by the blocks of 16 by 16 pixels in a second and in one picture. */
type Level = readonly [perSecond: number, perPicture: number, h264: string, vp9: string, av1: string];

/** The levels that browsers meet. H.264's limits (Annex A) decide; the others allow more at the level of the same line. */
const LEVELS: readonly Level[] = [
  [40_500, 1620, "1e", "30", "04"],
  [108_000, 3600, "1f", "31", "05"],
  [216_000, 5120, "20", "40", "08"],
  [245_760, 8192, "28", "40", "08"],
  [522_240, 8704, "2a", "41", "09"],
  [983_040, 36_864, "33", "51", "13"],
];
const LARGEST: Level = [0, 0, "34", "52", "14"];

/** The codec string of the WebCodecs registry. */
export function codecString(
  codec: VideoCodec,
  { width, height, framerate }: Size & { framerate: number },
): string {
  const blocks = Math.ceil(width / 16) * Math.ceil(height / 16);
  const fits = ([perSecond, perPicture]: Level) => blocks * framerate <= perSecond && blocks <= perPicture;
  const [, , h264, vp9, av1] = LEVELS.find(fits) ?? LARGEST;
  switch (codec) {
    case "h264":
      return `avc1.42e0${h264}`;
    case "vp9":
      return `vp09.00.${vp9}.08`;
    case "av1":
      return `av01.0.${av1}M.08`;
    default:
      return "vp8";
  }
}

/** What the encoder is configured with. The bytes of H.264 travel with their parameter sets. */
export function encoderConfig(
  codec: string,
  { width, height, framerate, bitrate }: Encoding,
  contentHint = "",
): VideoEncoderConfig {
  return {
    codec,
    width,
    height,
    framerate,
    bitrate: Math.round(bitrate),
    latencyMode: "realtime",
    ...(contentHint && { contentHint }),
    ...(codec.startsWith("avc1") && { avc: { format: "annexb" } }),
  };
}
