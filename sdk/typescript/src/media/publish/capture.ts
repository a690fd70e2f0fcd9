// How a track's pictures and sound get into the worker. Knows three ways for pictures, the best that the browser has;
// one for sound.
import { addWorklets, type Carried, type Line } from "../carry.ts";
import { MediaError } from "../error.ts";
import type { ToWorker } from "./protocol.ts";
import { CAPTURE, type CaptureOptions } from "./worklet.ts";

/** How pictures are taken: by the page or the worker from the track itself, or from an element that shows it. */
export type Way = "page" | "worker" | "element";

/** The way that a browser has. */
export function wayOf(canProcessInWorker: boolean): Way | undefined {
  if ("MediaStreamTrackProcessor" in globalThis) return "page";
  if (canProcessInWorker) return "worker";
  const { HTMLVideoElement } = globalThis as { HTMLVideoElement?: typeof globalThis.HTMLVideoElement };
  return HTMLVideoElement && "requestVideoFrameCallback" in HTMLVideoElement.prototype
    ? "element"
    : undefined;
}

/** Something that is taken from a track until it ends. */
export interface Capture {
  /** Whether the browser gives nothing before the user has touched the page. */
  readonly isBlocked: boolean;
  end(): void;
}

type Processor = new (init: { track: MediaStreamTrack }) => { readonly readable: ReadableStream<VideoFrame> };

/** Lets pictures flow into the worker. */
export function capturePicture(track: MediaStreamTrack, { port, canProcess }: Line): Capture {
  const say = (said: ToWorker, transfer: Transferable[]) => port.postMessage(said, transfer);
  const end = () => say({ is: "source" }, []);
  switch (wayOf(canProcess)) {
    case "page": {
      const { MediaStreamTrackProcessor } = globalThis as unknown as { MediaStreamTrackProcessor: Processor };
      const { readable } = new MediaStreamTrackProcessor({ track });
      say({ is: "source", from: readable }, [readable as unknown as Transferable]);
      return { isBlocked: false, end };
    }
    case "worker": {
      const from = track.clone();
      say({ is: "source", from }, [from as unknown as Transferable]);
      return { isBlocked: false, end };
    }
    case "element":
      return { isBlocked: false, end: fromElement(track, say) };
    default:
      throw new MediaError("unsupported", "no pictures can be taken from a track");
  }
}

/** Frames of an element that shows the track. The browser gives none while the tab is hidden. */
function fromElement(
  track: MediaStreamTrack,
  say: (said: ToWorker, transfer: Transferable[]) => void,
): () => void {
  const video = document.createElement("video");
  video.muted = video.playsInline = true;
  video.srcObject = new MediaStream([track]);
  let isOver = false;
  const take = (now: number) => {
    if (isOver) return;
    const frame = new VideoFrame(video, { timestamp: Math.round(now * 1000) });
    say({ is: "frame", frame }, [frame]);
    video.requestVideoFrameCallback(take);
  };
  video.requestVideoFrameCallback(take);
  // Muted, so it may play; one that is taken away while it starts has no error worth hearing.
  video.play().catch(() => {});
  return () => {
    isOver = true;
    video.srcObject = null;
  };
}

/** The rate of all sound: that of Opus. */
export const SAMPLE_RATE = 48_000;

/** Lets sound flow into the worker. */
export async function captureSound(
  track: MediaStreamTrack,
  { port }: Line,
  processorOptions: CaptureOptions,
  carried: Carried,
): Promise<Capture> {
  const context = new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: "interactive" });
  try {
    await addWorklets(context, carried);
    const { channels } = processorOptions;
    const node = new AudioWorkletNode(context, CAPTURE, {
      channelCount: channels,
      channelCountMode: "explicit",
      processorOptions,
    });
    const { port1, port2 } = new MessageChannel();
    node.port.postMessage("to", [port1]);
    port.postMessage({ is: "samples", port: port2 } satisfies ToWorker, [port2]);
    // What it puts out is silence; a node that leads nowhere might not run.
    context
      .createMediaStreamSource(new MediaStream([track]))
      .connect(node)
      .connect(context.destination);
    const end = () => {
      node.port.postMessage("end");
      context.close().catch(() => {});
    };
    const resume = () => context.resume().catch(() => {});
    resume();
    const touched = ["pointerup", "keydown"] as const;
    for (const event of touched) document.addEventListener(event, resume);
    return {
      get isBlocked() {
        return context.state === "suspended";
      },
      end: () => {
        for (const event of touched) document.removeEventListener(event, resume);
        end();
      },
    };
  } catch (error) {
    context.close().catch(() => {});
    throw error;
  }
}
