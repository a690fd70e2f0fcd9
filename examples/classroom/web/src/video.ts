// Picture and sound: the calls to the SDK's media helpers, and what is said of them.
import type { Room } from "@stagedoor/sdk/client";
import { type MediaPublisher, type Player, play, publishCanvas, publishTrack } from "@stagedoor/sdk/media";
import worker from "@stagedoor/sdk/media/worker.js?worker&url";

/** Sends a camera, or what is drawn on a canvas. */
export function sendPicture(room: Room, from: MediaStreamTrack | HTMLCanvasElement): Promise<MediaPublisher> {
  const options = { name: `picture.${room.me?.user}`, worker };
  return from instanceof HTMLCanvasElement
    ? publishCanvas(room, from, options)
    : publishTrack(room, from, options);
}

/** Sends a microphone. */
export function sendSound(room: Room, track: MediaStreamTrack): Promise<MediaPublisher> {
  return publishTrack(room, track, { name: `voice.${room.me?.user}`, worker });
}

/** Shows and plays what a user publishes, for as long as it does. */
export function watch(room: Room, user: string, canvas: HTMLCanvasElement): Player {
  return play(room, { user, canvas, worker });
}

const whole = (value: number) => Math.round(value).toString();

/** How sending goes: size, codec, rates, and whether anybody reads it. */
export function sent({ track, codec, publishers, stats }: MediaPublisher): string {
  const { width = 0, height = 0 } = track.getSettings();
  const { fps, kbps, limitedBy } = stats;
  if (publishers[0]?.state === "denied") return "muted: the relay takes nothing from you";
  const isRead = publishers.some(({ watched }) => watched);
  const read = isRead ? "somebody reads it" : "nobody reads it, so nothing is encoded";
  const why = limitedBy && limitedBy !== "nobody" ? `, limited by ${limitedBy}` : "";
  return `${width}×${height}, ${codec}, ${whole(fps)} fps, ${whole(kbps)} kbit/s, ${read}${why}`;
}

/** How playing goes: size, rates, and how far it is behind. */
export function shown({ state, stats }: Player): string {
  const { width, height, fps, kbps, pictureBehindMs } = stats;
  if (state === "waiting") return "waiting for the first picture";
  return `${width}×${height}, ${whole(fps)} fps, ${whole(kbps)} kbit/s, ${whole(pictureBehindMs)} ms behind`;
}
