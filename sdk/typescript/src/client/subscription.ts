// Patterns that are subscribed to, and the frames of the streams that they find. Never asks the relay itself.
import { matches } from "../grants/pattern.ts";
import { Emitter, Queue } from "./emitter.ts";
import type { Ending, FoundStream, Frame } from "./event.ts";

/** What a subscription says. */
export interface SubscriptionEvents {
  /** A stream that the patterns match; after a reconnect once more, with whether it went on. */
  found: FoundStream;
  /** A frame. */
  frame: Frame;
  /** Frames were lost; the next one is number `seq`. */
  lagged: { readonly stream: FoundStream; readonly lost: number; readonly seq: number };
  /** A stream is over. */
  ended: { readonly stream: FoundStream; readonly reason: Ending };
}

/** What a subscription needs of its room. */
export interface SubscriptionRoom {
  /** The streams that are read and that one of these patterns matches. */
  reading(patterns: readonly string[]): FoundStream[];
  /** Takes the patterns back. */
  unsubscribe(subscription: Subscription): Promise<void>;
}

/** Frames that wait for who reads them in a loop. */
const QUEUE_MAX = 256;

/**
 * A subscription. Frames come to the listeners of `frame`, or to one loop; those that come before there is either
 * wait, as many as the queue holds.
 *
 * ```ts
 * const cameras = await room.subscribe("cam*");
 * for await (const { stream, payload } of cameras) show(stream.user, payload);
 * ```
 */
export class Subscription extends Emitter<SubscriptionEvents> implements AsyncIterable<Frame> {
  /** The patterns. */
  readonly patterns: readonly string[];
  readonly #room: SubscriptionRoom;
  readonly #queueMax: number;
  #queue: Queue<Frame>;
  #letGo = 0;
  /** Frames wait for the first reader, go to listeners alone, or to a loop as well. */
  #mode: "waiting" | "heard" | "looped" = "waiting";
  #isOver = false;

  /** @internal */
  constructor(room: SubscriptionRoom, patterns: readonly string[], queueMax: number = QUEUE_MAX) {
    super();
    this.#room = room;
    this.patterns = patterns;
    this.#queueMax = queueMax;
    this.#queue = this.#newQueue();
  }

  #newQueue(): Queue<Frame> {
    const queue = new Queue<Frame>(this.#queueMax, () => {
      this.#letGo += queue.letGo;
      this.#mode = "heard";
      this.#queue = this.#newQueue();
      if (this.#isOver) this.#queue.end();
    });
    return queue;
  }

  /** The streams that it reads now. */
  get streams(): readonly FoundStream[] {
    return this.#room.reading(this.patterns);
  }

  /** How many frames the queue let go because the loop was too slow. */
  get letGo(): number {
    return this.#letGo + this.#queue.letGo;
  }

  /**
   * Takes the patterns back; no frame follows.
   *
   * ```ts
   * await cameras.end();
   * ```
   */
  async end(): Promise<void> {
    this.over();
    await this.#room.unsubscribe(this);
  }

  override on<K extends keyof SubscriptionEvents>(
    name: K,
    listener: (event: SubscriptionEvents[K]) => void,
  ): () => void {
    const stop = super.on(name, listener);
    if (name === "frame" && this.#mode === "waiting") {
      queueMicrotask(() => {
        if (this.#mode !== "waiting") return;
        this.#mode = "heard";
        for (const frame of this.#queue.take()) this.emit("frame", frame);
      });
    }
    return stop;
  }

  /** The frames, for one loop. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Frame, void> {
    this.#mode = "looped";
    return this.#queue;
  }

  /** A frame of one of its streams came. @internal */
  frame(frame: Frame): void {
    if (this.#mode !== "heard") this.#queue.push(frame);
    if (this.#mode !== "waiting") this.emit("frame", frame);
  }

  /** Whether a stream of this name is one of its own. @internal */
  has(name: string): boolean {
    return matches(this.patterns, name);
  }

  /** Nothing more comes. @internal */
  over(): void {
    this.#isOver = true;
    this.#queue.end();
  }
}
