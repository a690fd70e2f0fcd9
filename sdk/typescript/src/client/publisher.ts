// A stream of the member's own. Goes on after a reconnect, a mute or a demotion; never waits for the line.
import type { Driver } from "./driver.ts";
import { Emitter } from "./emitter.ts";
import { InvalidError } from "./error.ts";
import type { Delivery, Ending, Kind, PublishRequest } from "./event.ts";
import type { OwnState } from "./own.ts";

/** Where a stream of the member's own is. */
export type PublisherState = "live" | "denied" | "away" | "ended";

/** How a stream is published. */
export interface PublishOptions {
  /** What happens to a reader that falls behind; what suits the kind unless set. */
  delivery?: Delivery;
  /** Shown to subscribers. */
  meta?: string;
  /** How long the relay keeps a frame for those behind, in milliseconds. */
  keepMs?: number;
  /** Whether late subscribers of a `reliable` stream begin at the oldest kept frame. */
  history?: boolean;
  /** How far behind a reader of `media` may be, in milliseconds. */
  behindMs?: number;
  /** Whether the stream is over when the member may not publish it any more; otherwise it begins again when it may. */
  endWhenDenied?: boolean;
  /** Above how many waiting bytes a frame is `full`. 1 MiB unless set. */
  bufferedMax?: number;
}

/** What became of a frame. */
export type Sent = "sent" | "dropped" | "full";

/** What a publisher says. */
export interface PublisherEvents {
  /** A reader needs a keyframe. */
  keyframeWanted: undefined;
  /** Whether anybody reads the stream. */
  watched: boolean;
  /** The member may not publish it now; whether it begins again when it may. */
  denied: { readonly again: boolean };
  /** It has begun again, as a new stream: go on with a keyframe. */
  begun: undefined;
  /** It is over. */
  ended: { readonly reason: Ending | "closed" };
}

/** What a publisher needs of its room. */
export interface PublisherRoom {
  readonly driver: Driver;
  readonly frameBytesMax: number;
  /** Takes the stream back. */
  unpublish(publisher: Publisher): void;
}

/** How often the line is looked at for `drained`: the platform has no event for it. */
const LOOK_MS = 20;

/**
 * A stream of the member's own.
 *
 * ```ts
 * const camera = await room.publish("cam", "video");
 * camera.on("keyframeWanted", () => encoder.makeKeyframe());
 * if (camera.send(bytes, { keyframe: true }) === "full") await camera.drained();
 * ```
 */
export class Publisher extends Emitter<PublisherEvents> {
  /** @internal */
  readonly request: PublishRequest;
  /** @internal */
  readonly again: boolean;
  /** @internal */
  held: OwnState = "asked";
  /** Its number on this connection; another one after a reconnect. */
  number = 0;
  readonly #room: PublisherRoom;
  readonly #bufferedMax: number;
  #watched = false;
  #isOver = false;
  /** A keyframe was wanted before anybody listened. */
  #wanted = false;

  /** @internal */
  constructor(room: PublisherRoom, request: PublishRequest, again: boolean, bufferedMax: number) {
    super();
    this.#room = room;
    this.request = request;
    this.again = again;
    this.#bufferedMax = bufferedMax;
  }

  /** Its name. */
  get name(): string {
    return this.request.stream;
  }

  /** What it carries. */
  get kind(): Kind {
    return this.request.kind;
  }

  /** `live`; `denied`: the member may not publish it now; `away`: the connection is lost; `ended`: for good. */
  get state(): PublisherState {
    if (this.#isOver) return "ended";
    if (this.held === "denied") return "denied";
    return this.held === "live" && this.#room.driver.connection ? "live" : "away";
  }

  /** Bytes that wait for the line, of all that the room sends. */
  get bufferedBytes(): number {
    return this.#room.driver.connection?.bufferedBytes ?? 0;
  }

  /** Whether anybody reads it. */
  get watched(): boolean {
    return this.#watched;
  }

  override on<K extends keyof PublisherEvents>(
    name: K,
    listener: (event: PublisherEvents[K]) => void,
  ): () => void {
    const stop = super.on(name, listener);
    if (name === "keyframeWanted" && this.#wanted) queueMicrotask(() => this.keyframeWanted());
    return stop;
  }

  /**
   * Sends a frame at once, or lets it go: `dropped` while the stream is not live, `full` when more than `bufferedMax`
   * bytes wait for the line.
   *
   * ```ts
   * if (camera.send(bytes, { keyframe: true }) === "full") await camera.drained();
   * ```
   */
  send(bytes: Uint8Array | ArrayBuffer, { keyframe = false }: { keyframe?: boolean } = {}): Sent {
    const payload = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
    const max = this.#room.frameBytesMax;
    if (payload.length + 6 > max) throw new InvalidError("too_large", `a frame has at most ${max} bytes`);
    if (this.state !== "live") return "dropped";
    if (this.bufferedBytes > this.#bufferedMax) return "full";
    this.#room.driver.connection?.frame(this.number, keyframe, payload);
    return "sent";
  }

  /**
   * Resolves when the line has room again, or the stream is not live.
   *
   * ```ts
   * await camera.drained();
   * ```
   */
  async drained(): Promise<void> {
    while (this.state === "live" && this.bufferedBytes > this.#bufferedMax / 2) {
      await new Promise<void>(resolve => this.#room.driver.settings.awake.clock.setTimeout(resolve, LOOK_MS));
    }
  }

  /**
   * Ends the stream after the frames sent so far.
   *
   * ```ts
   * camera.end();
   * ```
   */
  end(): void {
    if (!this.#isOver) this.#room.unpublish(this);
  }

  /** A reader needs a keyframe. @internal */
  keyframeWanted(): void {
    this.#wanted = !this.listens("keyframeWanted");
    this.emit("keyframeWanted", undefined);
  }

  /** @internal */
  setWatched(watched: boolean): void {
    this.#watched = watched;
    this.emit("watched", watched);
  }

  /** It is over. @internal */
  over(reason: PublisherEvents["ended"]["reason"]): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.emit("ended", { reason });
  }
}
