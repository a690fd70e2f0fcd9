// Whether a codec works here: two frames are encoded and decoded, because `isConfigSupported` is too kind in some
// browsers. Asked once for each codec of a page.
import { codecString, encoderConfig, type VideoCodec } from "./codec.ts";

/** What a codec does here. */
export interface Works {
  readonly encodes: boolean;
  readonly decodes: boolean;
}

/** Small, but no size that a hardware encoder refuses. */
const SIZE = { width: 320, height: 192, framerate: 30, bitrate: 300_000 };
const SOUND = { codec: "opus", sampleRate: 48_000, numberOfChannels: 1 };
/** A codec that has not answered by then is none. */
const PATIENCE_MS = 3000;

const asked = new Map<VideoCodec | "opus", Promise<Works>>();

function once(
  codec: VideoCodec | "opus",
  tried: (works: { -readonly [K in keyof Works]: boolean }) => Promise<void>,
) {
  const known =
    asked.get(codec) ??
    (async () => {
      const works = { encodes: false, decodes: false };
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>(resolve => {
        timer = setTimeout(resolve, PATIENCE_MS);
      });
      // What it did until it failed counts.
      await Promise.race([tried(works).catch(() => {}), late]);
      clearTimeout(timer);
      return { ...works };
    })();
  asked.set(codec, known);
  return known;
}

/** Whether pictures can be encoded with it, and decoded. */
export function works(codec: VideoCodec): Promise<Works> {
  return once(codec, async works => {
    const chunks = await encoded(codec).catch(() => []);
    works.encodes = chunks.length === 2 && chunks[0]?.type === "key";
    // Of a codec that is only played there is no frame to try: the browser's word must do.
    const name = codecString(codec, SIZE);
    works.decodes = works.encodes
      ? (await decoded(name, chunks)) === 2
      : (await VideoDecoder.isConfigSupported({ codec: name })).supported === true;
  });
}

/** The first that can be encoded and decoded. */
export async function firstThatWorks(codecs: readonly VideoCodec[]): Promise<VideoCodec | undefined> {
  for (const codec of codecs) {
    const { encodes, decodes } = await works(codec);
    if (encodes && decodes) return codec;
  }
  return undefined;
}

async function encoded(name: VideoCodec): Promise<EncodedVideoChunk[]> {
  const chunks: EncodedVideoChunk[] = [];
  // The flush fails as well, with the same error.
  const encoder = new VideoEncoder({ output: chunk => chunks.push(chunk), error: () => {} });
  encoder.configure(encoderConfig(codecString(name, SIZE), SIZE));
  const { width: codedWidth, height: codedHeight } = SIZE;
  for (const timestamp of [0, 33_333]) {
    const grey = new Uint8Array((codedWidth * codedHeight * 3) / 2).fill(128);
    const frame = new VideoFrame(grey, { format: "I420", codedWidth, codedHeight, timestamp });
    encoder.encode(frame, { keyFrame: !timestamp });
    frame.close();
  }
  await encoder.flush();
  encoder.close();
  return chunks;
}

async function decoded(codec: string, chunks: readonly EncodedVideoChunk[]): Promise<number> {
  let count = 0;
  const output = (frame: VideoFrame) => {
    count += 1;
    frame.close();
  };
  const decoder = new VideoDecoder({ output, error: () => {} });
  decoder.configure({ codec });
  for (const chunk of chunks) decoder.decode(chunk);
  await decoder.flush();
  decoder.close();
  return count;
}

/** Whether sound can be encoded, and decoded. */
export function soundWorks(): Promise<Works> {
  return once("opus", async works => {
    const chunks: EncodedAudioChunk[] = [];
    const encoder = new AudioEncoder({ output: chunk => chunks.push(chunk), error: () => {} });
    encoder.configure({ ...SOUND, bitrate: 32_000 });
    const frames = { ...SOUND, format: "f32-planar", numberOfFrames: 960 } as const;
    for (const timestamp of [0, 20_000]) {
      encoder.encode(new AudioData({ ...frames, timestamp, data: new Float32Array(960) }));
    }
    await encoder.flush();
    encoder.close();
    works.encodes = chunks.length > 1;
    let count = 0;
    const output = (sound: AudioData) => {
      count += 1;
      sound.close();
    };
    const decoder = new AudioDecoder({ output, error: () => {} });
    decoder.configure(SOUND);
    for (const chunk of chunks) decoder.decode(chunk);
    await decoder.flush();
    decoder.close();
    works.decodes = count > 1;
  });
}
