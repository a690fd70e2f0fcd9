// What a `MediaPublisher` is made of, and what it says. Types alone.
import type { Publisher } from "../../client/index.ts";
import type { Line } from "../carry.ts";
import type { MediaError } from "../error.ts";
import type { Capture } from "./capture.ts";
import type { Limit } from "./control.ts";
import type { LayerStats } from "./protocol.ts";
import type { Uplink } from "./uplink.ts";

/** How publishing goes. */
export interface PublishStats extends LayerStats {
  /** Frames that were let go before the encoder, since the beginning. */
  readonly skipped: number;
  /** How much longer the line takes than at its best, in milliseconds. */
  readonly uplinkDelayMs: number;
  /** What holds it below what was asked for. */
  readonly limitedBy: Limit | undefined;
  /** The same of each layer, the largest first; above are the figures of the largest that goes out. */
  readonly layers: readonly LayerStats[];
}

/** What a `MediaPublisher` says. */
export interface MediaPublisherEvents {
  /** What holds it below what was asked for has changed. */
  limited: Limit | undefined;
  /** The browser gives no pictures while the tab is hidden, or gives them again. Only where it has no better way. */
  hidden: boolean;
  /** The browser gives no sound before the user has touched the page, or gives it now. */
  blocked: boolean;
  /** The device is gone; for a minute it is looked for. */
  trackLost: undefined;
  /** The default device of its kind took its place. */
  trackFound: MediaStreamTrack;
  /** It is over; with what went wrong, if something did. */
  ended: { readonly error?: MediaError };
}

/** What a publisher is made of. */
export interface MediaParts {
  readonly publishers: readonly Publisher[];
  readonly codec: string;
  readonly line: Line;
  readonly uplink: Uplink;
  readonly bitrate: number;
  /** Takes what a track gives into the worker. */
  capture(track: MediaStreamTrack): Promise<Capture>;
  /** Whether the browser stops giving pictures in a hidden tab. */
  readonly stopsHidden: boolean;
  /** Whether the track is to be stopped at the end. */
  isOwn: boolean;
}
