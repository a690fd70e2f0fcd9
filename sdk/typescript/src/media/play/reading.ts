// One stream that is read: its subscription, its decoder, and the keyframes that it needs. Decides nothing about time.
import type { FoundStream, Frame, Room, Subscription } from "../../client/index.ts";
import { Failures } from "../coding.ts";
import type { MediaError } from "../error.ts";
import { type MediaFrame, readLoc } from "../loc.ts";
import { type MediaMeta, readMeta } from "../meta.ts";
import { Asks } from "./asks.ts";
import type { Chunk } from "./messages.ts";

/** The part of a room that a player needs. */
export type PlayRoom = Pick<Room, "closed" | "streams" | "on" | "subscribe" | "keyframe">;

/** What a stream that is read says to its player. */
export interface ReadingHost {
  readonly room: PlayRoom;
  /** It begins, maybe as another stream than before: a decoder for it, and its number. */
  opened(reading: Reading): number;
  /** A frame came. Whether to decode it. */
  came(reading: Reading, frame: MediaFrame, keyframe: boolean, bytes: number): boolean;
  /** To be decoded. */
  decode(id: number, chunk: Chunk): void;
  /** Frames were lost. */
  lagged(reading: Reading, lost: number): void;
  /** A frame is not what it should be. */
  invalid(reading: Reading): void;
  /** The stream is over, or its description is none; another of its name may come. */
  closed(reading: Reading, error?: MediaError): void;
  /** It cannot be read now. */
  refused(reading: Reading): void;
}

export class Reading {
  readonly name: string;
  readonly asks: Asks = new Asks();
  readonly failures: Failures = new Failures();
  /** What the stream says of itself, while there is one. */
  meta: MediaMeta | undefined;
  /** The number of its decoder. */
  id = 0;
  /** The media time of the newest frame that was decoded, or is to be. */
  fedMs: number = -Infinity;
  readonly #host: ReadingHost;
  #stream: FoundStream | undefined;
  #subscription: Subscription | undefined;
  #isFed = false;
  #isOver = false;

  constructor(host: ReadingHost, name: string) {
    this.#host = host;
    this.name = name;
  }

  /** Whether frames are decoded, and need no keyframe to go on. */
  get isFed(): boolean {
    return this.#isFed;
  }

  /** Subscribes. */
  async open(): Promise<void> {
    let subscription: Subscription;
    try {
      subscription = await this.#host.room.subscribe(this.name);
    } catch {
      if (!this.#isOver) this.#host.refused(this);
      return;
    }
    if (this.#isOver) return subscription.end();
    this.#subscription = subscription;
    for (const stream of subscription.streams) this.#found(stream);
    subscription.on("found", stream => this.#found(stream));
    subscription.on("frame", frame => this.#frame(frame));
    subscription.on("lagged", ({ lost }) => {
      this.cut();
      this.#host.lagged(this, lost);
    });
    subscription.on("ended", ({ stream }) => {
      if (stream.stream !== this.#stream?.stream) return;
      this.#stream = undefined;
      this.#host.closed(this);
    });
  }

  #found(stream: FoundStream): void {
    this.#stream = stream;
    this.fedMs = -Infinity;
    // The relay has asked for one already if it has none.
    this.cut(performance.now());
    try {
      this.meta = readMeta(stream.meta);
    } catch (error) {
      this.#stream = undefined;
      this.#host.closed(this, error as MediaError);
      return;
    }
    this.id = this.#host.opened(this);
  }

  #frame({ stream, keyframe, payload }: Frame): void {
    if (this.#isOver || stream.stream !== this.#stream?.stream) return;
    const frame = readLoc(payload);
    if (typeof frame === "string") {
      this.#host.invalid(this);
      return;
    }
    if (!this.#host.came(this, frame, keyframe, payload.length) || !(keyframe || this.#isFed)) {
      this.#isFed = false;
      return;
    }
    this.#isFed = true;
    if (keyframe) this.asks.came();
    this.fedMs = Math.max(this.fedMs, frame.timestampUs / 1000);
    const { timestampUs, data } = frame;
    const description = frame.videoConfig ?? frame.audioConfig;
    // Others may read the same frame.
    this.#host.decode(this.id, {
      timestampUs,
      keyframe,
      data: data.slice(),
      ...(description && { description: description.slice() }),
    });
  }

  /** Nothing can be decoded before the next keyframe. */
  cut(expectedAtMs?: number): void {
    this.#isFed = false;
    this.asks.want(expectedAtMs);
  }

  /** Asks for a keyframe if one is needed, and it is time for it. */
  ask(nowMs: number): void {
    if (this.#stream && this.asks.ask(nowMs)) this.#host.room.keyframe(this.#stream).catch(() => {});
  }

  /** Unsubscribes. Never rejects. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#subscription?.end().catch(() => {});
  }
}
