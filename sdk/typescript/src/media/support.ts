// What this browser can.
import { type Carried, openPart } from "./carry.ts";
import { MediaError } from "./error.ts";
import { wayOf } from "./publish/capture.ts";
import type { VideoCodec } from "./publish/codec.ts";
import { soundWorks, works } from "./publish/probe.ts";

/** What this browser can. */
export interface Support {
  readonly publish: {
    /** Whether pictures can be published. */
    readonly video: boolean;
    /** Whether sound can be published. */
    readonly audio: boolean;
    /** The codecs that it encodes. */
    readonly codecs: readonly VideoCodec[];
    /** Whether pictures go on in a hidden tab. */
    readonly hidden: boolean;
  };
  readonly play: {
    /** Whether pictures can be played. */
    readonly video: boolean;
    /** Whether sound can be played. */
    readonly audio: boolean;
    /** The codecs that it decodes. */
    readonly codecs: readonly VideoCodec[];
  };
  /** What it cannot, with a message for people; nothing if it can all. */
  readonly why?: MediaError;
}

const CODECS: readonly VideoCodec[] = ["h264", "vp8", "vp9", "av1"];
const NOTHING = { video: false, audio: false, codecs: [] };

/**
 * What this browser can. Codecs are found by encoding and decoding two frames.
 *
 * ```ts
 * const { publish, play, why } = await support();
 * if (!publish.video) cameraButton.title = why?.message ?? "";
 * ```
 */
export async function support(carried: Carried = {}): Promise<Support> {
  const none = (why: MediaError) => ({ publish: { ...NOTHING, hidden: false }, play: NOTHING, why });
  if (!globalThis.isSecureContext) return none(new MediaError("insecure_context"));
  const line = await openPart("publish", carried).catch((error: MediaError) => error);
  if (line instanceof MediaError) return none(line);
  const { canProcess } = line;
  line.port.postMessage({ is: "end" });
  line.end();
  const way = wayOf(canProcess);
  const [found, audio] = await Promise.all([Promise.all(CODECS.map(works)), soundWorks()]);
  const those = (field: "encodes" | "decodes") => CODECS.filter((_, at) => found[at]?.[field]);
  const [encoded, decoded] = [those("encodes"), those("decodes")];
  const publish = {
    video: !!way && encoded.length > 0,
    audio: audio.encodes,
    codecs: encoded,
    hidden: way === "page" || way === "worker",
  };
  const play = { video: decoded.length > 0, audio: audio.decodes, codecs: decoded };
  const isAll = publish.video && publish.audio && play.video && play.audio;
  const why = !isAll ? "some codecs" : !publish.hidden && "pictures that go on in a hidden tab";
  return { publish, play, ...(why && { why: new MediaError("unsupported", why) }) };
}
