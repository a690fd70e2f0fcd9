// The room that the member is in: what can be read, asked and heard. Puts requests together; never sends them itself.
import type { Kind } from "../spec.ts";
import { Can } from "./can.ts";
import type { Connection, Fields, Unasked } from "./connection.ts";
import { Driver, type DriverSettings } from "./driver.ts";
import { Queue } from "./emitter.ts";
import {
  type ClockState,
  type Closed,
  RELAY_EVENTS,
  type RelayEvent,
  type RoomEvent,
  type RoomEvents,
  type Seat,
  type Status,
} from "./event.ts";
import type { Publisher, PublishOptions } from "./publisher.ts";
import { type Renewed, Renewer } from "./renewer.ts";
import type { Resume } from "./resume.ts";
import { Streams } from "./streams.ts";
import type { Subscription } from "./subscription.ts";
import { watchPage } from "./wake.ts";
import { Words } from "./words.ts";

/** What a room is made of. */
export interface RoomSettings extends DriverSettings {
  resume?: Resume;
  leaveOnPagehide: boolean;
  frameBytesMax: number;
}

/** Events that wait for who reads them in a loop. */
const EVENTS_MAX = 1024;

/**
 * The room that the member is in. It goes on over lost connections, until it is `closed`.
 *
 * ```ts
 * await using room = await connect({ url, token });
 * room.on("message", ({ from, data }) => show(from?.name, data));
 * await room.send("room", "hello");
 * ```
 */
export class Room extends Words {
  /** What the member may do, for buttons; the relay decides. */
  readonly can: Can;
  readonly #settings: RoomSettings;
  readonly #streams: Streams;
  readonly #driver: Driver;
  readonly #renewer: Renewer;
  readonly #queues = new Set<Queue<RoomEvent>>();
  readonly #stopWatching: () => void;
  #status: Status = "connecting";
  #closed: Closed | undefined;
  #clock: ClockState = { offsetMs: 0, rttMs: 0 };
  #isResumed = false;

  /** @internal */
  constructor(settings: RoomSettings) {
    super();
    const { resume, url, awake } = settings;
    this.#settings = settings;
    const streams = new Streams(this, settings.frameBytesMax);
    const { memory } = streams;
    this.#streams = streams;
    this.can = new Can(this, () => memory.own.filter(({ held }) => held === "live").length);
    const saved = resume?.load();
    if (saved?.url === url) {
      memory.load(saved);
      this.#isResumed = true;
    }
    const driver = new Driver(settings, memory, {
      loggedIn: (seat, rttMs) => this.#loggedIn(seat, rttMs),
      takeUp: connection => streams.takeUp(connection),
      seated: (...seated) => this.#entered(...seated),
      hear: said => this.#hear(said),
      lost: () => streams.lost(),
      reconnecting: event => {
        if (this.#status !== "connecting") this.#setStatus("reconnecting");
        this.emit("reconnecting", event);
      },
      closed: closed => this.#over(closed),
      relayNowMs: () => awake.clock.now() + this.#clock.offsetMs,
    });
    this.#driver = streams.driver = driver;
    this.#renewer = new Renewer(driver, {
      renewed: renewed => {
        memory.ticket = undefined;
        this.granted(renewed.role, renewed.grants, { exp: renewed.exp });
        this.emit("renewed", renewed);
        streams.regranted();
      },
      failed: error => this.emit("renewFailed", { error }),
    });
    this.#stopWatching = watchPage({
      woke: () => driver.woke(),
      hidden: () => this.#save(),
      gone: isForGood => this.#gone(isForGood),
    });
  }

  /** Takes the seat. @internal */
  async start(signal: AbortSignal | undefined): Promise<void> {
    const abort = () => this.#driver.close({ code: 0, reason: "aborted", next: "stop" }, signal?.reason);
    signal?.addEventListener("abort", abort);
    this.#driver.life.addEventListener("abort", () => signal?.removeEventListener("abort", abort));
    if (signal?.aborted) abort();
    await this.#driver.start();
  }

  /** The page runs again. @internal */
  woke(): void {
    this.#driver.woke();
  }

  /** Where it is. */
  get status(): Status {
    return this.#status;
  }

  /** The relay's clock, as the login and the last `ping` found it. */
  get clock(): ClockState {
    return this.#clock;
  }

  /** How it ended; nothing while it has not. */
  get closed(): Closed | undefined {
    return this.#closed;
  }

  /**
   * Begins a stream. It goes on after a reconnect, under another number, and after a mute or another loss of the
   * right to publish it.
   *
   * ```ts
   * const camera = await room.publish("cam", "video", { meta: JSON.stringify({ codec: "vp8" }) });
   * ```
   */
  async publish(name: string, kind: Kind, options: PublishOptions = {}): Promise<Publisher> {
    const { delivery, meta, keepMs, history, behindMs, endWhenDenied, bufferedMax = 1_048_576 } = options;
    const more = { delivery, meta, keep_ms: keepMs, history, behind_ms: behindMs };
    const request = { op: "publish" as const, stream: name, kind, ...more };
    return this.#streams.publish(request, !endWhenDenied, bufferedMax);
  }

  /**
   * Subscribes to names, and prefixes followed by `*`: streams that live, and those to come. `queueMax` frames wait
   * for the loop that reads them.
   *
   * ```ts
   * const cameras = await room.subscribe(["cam*", "screen"]);
   * cameras.on("frame", ({ stream, payload }) => show(stream.user, payload));
   * ```
   */
  async subscribe(
    patterns: string | readonly string[],
    { queueMax }: { queueMax?: number } = {},
  ): Promise<Subscription> {
    return this.#streams.subscribe(typeof patterns === "string" ? [patterns] : patterns, queueMax);
  }

  /**
   * Asks the token source for a new token, and goes on with it on the same seat. At the token's end the client does
   * so by itself.
   *
   * ```ts
   * await room.renew();
   * ```
   */
  async renew(): Promise<Renewed> {
    return this.#renewer.renew(this.#driver.seated(), "asked");
  }

  /**
   * Asks the relay for its time; answered after everything that was sent before, so it also tells how far behind the
   * line is.
   *
   * ```ts
   * const { rttMs, offsetMs } = await room.ping();
   * ```
   */
  async ping(): Promise<ClockState> {
    const { clock } = this.#settings.awake;
    const sentMs = clock.now();
    const { nowMs } = await this.request<{ nowMs: number }>({ op: "ping" });
    return this.#clocked(nowMs, clock.now() - sentMs);
  }

  /**
   * Leaves the room; `closed` follows. Never rejects.
   *
   * ```ts
   * await room.leave();
   * ```
   */
  async leave(): Promise<void> {
    // What is asked last needs no answer: without one the room ends as well.
    await this.#driver.connection?.ask({ op: "leave" }).catch(() => {});
    this.#driver.close({ code: 4300, reason: "left", next: "stop" });
  }

  /** Leaves at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  /**
   * Every event in order, for one loop. The queue is bounded and lets the oldest go.
   *
   * ```ts
   * for await (const { type, event } of room.events()) if (type === "message") console.log(event.data);
   * ```
   */
  events(): AsyncIterableIterator<RoomEvent, void> {
    const queue: Queue<RoomEvent> = new Queue(EVENTS_MAX, () => this.#queues.delete(queue));
    if (this.#closed) queue.end();
    else this.#queues.add(queue);
    return queue;
  }

  /** @internal */
  override emit<K extends keyof RoomEvents>(type: K, event: RoomEvents[K]): void {
    super.emit(type, event);
    for (const queue of this.#queues) queue.push({ type, event } as RoomEvent);
  }

  /** @internal */
  protected async request<T>(fields: Fields): Promise<T> {
    return this.#driver.seated().ask<T>(fields);
  }

  #clocked(relayMs: number, rttMs: number): ClockState {
    this.#clock = { offsetMs: relayMs + rttMs / 2 - this.#settings.awake.clock.now(), rttMs };
    return this.#clock;
  }

  #setStatus(status: Status): void {
    const before = this.#status;
    if (status === before) return;
    this.#status = status;
    this.emit("status", { status, before });
  }

  #loggedIn(seat: Seat, rttMs: number): void {
    this.seated(seat);
    // Whole seconds: on the average half of one has gone by.
    this.#clocked(seat.now * 1000 + 500, rttMs);
    this.#renewer.seated();
    this.#save();
  }

  #entered(connection: Connection, seat: Seat, streamsBegunAnew: readonly string[], isFirst: boolean): void {
    const eventsResumed = seat.resumed === true;
    const release = () => {
      if (connection.isOver) return;
      if (!isFirst || this.#isResumed) this.emit("reconnected", { eventsResumed, streamsBegunAnew });
      connection.release();
    };
    this.#setStatus(this.waiting ? "waiting" : "seated");
    // Of the first connection nothing is told before the application could listen.
    if (isFirst) this.#settings.awake.clock.setTimeout(release, 0);
    else release();
  }

  #hear(said: Unasked): void {
    if (said.is === "event" && RELAY_EVENTS.has(said.name)) {
      const { name, event } = said;
      const heard = { type: name, event } as unknown as RelayEvent;
      this.apply(heard);
      this.#streams.memory.numbered(event["n"] as number | undefined);
      this.#streams.hear(said);
      this.emit(heard.type, heard.event as never);
      this.#renewer.hear(heard);
      if (name === "grantsChanged") {
        if (this.#status === "waiting" && !this.waiting) this.#setStatus("seated");
        this.#streams.regranted();
      }
    } else this.#streams.hear(said);
  }

  /** Keeps what a later page may take up. */
  #save(): void {
    const { resume, url } = this.#settings;
    if (this.#status !== "closed") resume?.save(this.#streams.memory.save(url));
  }

  /** The page goes: nothing is waited for, and a page that is loaded again may take up what was kept. */
  #gone(isForGood: boolean): void {
    const { connection } = this.#driver;
    if (!this.#settings.leaveOnPagehide) return;
    // A page in the browser's cache would keep its seat without anybody there; when it is back, so is the room.
    if (!isForGood) {
      connection?.giveUp(0, "the page is in the browser's cache");
      return;
    }
    connection?.ask({ op: "leave" }).catch(() => {});
    delete this.#settings.resume;
    this.#driver.close({ code: 4300, reason: "left", next: "stop" });
  }

  #over(closed: Closed): void {
    this.#stopWatching();
    this.#settings.resume?.save(undefined);
    this.#closed = closed;
    this.#streams.close();
    this.#setStatus("closed");
    this.emit("closed", closed);
    for (const queue of this.#queues) queue.end();
    this.#queues.clear();
  }
}
