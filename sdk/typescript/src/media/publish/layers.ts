// Which sizes of a picture go out, under which names. Pure.
import type { Size } from "./codec.ts";

/** A size of a picture, as a stream of its own. */
export interface Layer {
  /** Lines of its shorter side; it is never enlarged. */
  readonly lines: number;
  /** Bits per second, at most. */
  readonly bitrate: number;
  /** What follows the stream's name and a dot; for all but the largest. `low` unless set, then `low2` and on. */
  readonly suffix?: string;
}

/** A picture of 720 lines, and a small one for slow lines. */
export const LAYERS: readonly Layer[] = [
  { lines: 720, bitrate: 1_500_000 },
  { lines: 180, bitrate: 150_000, suffix: "low" },
];

/** A screen in one size, in which text can be read. */
export const SCREEN_LAYERS: readonly Layer[] = [{ lines: 1080, bitrate: 2_500_000 }];

/** The stream's name of each layer. */
export function layerNames(name: string, layers: readonly Layer[]): string[] {
  return layers.map(({ suffix }, at) => (at ? `${name}.${suffix ?? (at > 1 ? `low${at}` : "low")}` : name));
}

/** Layers from the largest on, without those that would be as large as the one before. */
export function usefulLayers(layers: readonly Layer[], source: Size | undefined): Layer[] {
  const lines = source ? Math.min(source.width, source.height) : Number.POSITIVE_INFINITY;
  const sorted = [...layers].sort((a, b) => b.lines - a.lines);
  return sorted.filter((layer, at) => !at || layer.lines < Math.min(lines, sorted[at - 1]?.lines ?? lines));
}

/** The size that a layer has at most: that of the usual shape. */
export function layerSizeMax({ lines }: Pick<Layer, "lines">): Size {
  return { width: Math.ceil((lines * 16) / 9), height: lines };
}

/** What is kept free of that for the blocks that a picture is rounded up to. */
const ROUNDING = 0.97;

/**
 * The size of a layer: the source's shape, no larger than the source, and even, as codecs want it. A wide picture has
 * fewer lines, so that it fits the level that was named when the stream began.
 */
export function layerSize({ width, height }: Size, layer: Pick<Layer, "lines">): Size {
  const max = layerSizeMax(layer);
  const byLines = layer.lines / Math.min(width, height);
  const byArea = Math.sqrt((max.width * max.height) / (width * height));
  // Of the usual shape the two are the same, but for rounding.
  const scale = byArea > byLines * 0.999 ? byLines : byArea * ROUNDING;
  const even = (pixels: number) =>
    Math.max(2, Math.min(Math.round((pixels * scale) / 2), Math.floor(pixels / 2)) * 2);
  return { width: even(width), height: even(height) };
}
