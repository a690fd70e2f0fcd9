// The member's own streams and its subscriptions, from one connection to the next. Does with them what a change of
// rights asks for; never brings a connection back.
import type { Connection, Unasked } from "./connection.ts";
import type { Driver } from "./driver.ts";
import { InvalidError, RefusedError } from "./error.ts";
import type { Ending, FoundStream, PublishRequest } from "./event.ts";
import type { Lists } from "./lists.ts";
import { Memory } from "./memory.ts";
import { regranted } from "./own.ts";
import { Publisher, type PublisherRoom } from "./publisher.ts";
import { Subscription, type SubscriptionEvents, type SubscriptionRoom } from "./subscription.ts";

type Answer = { stream: number };
type Found = { streams: FoundStream[] };

const NAME = /^[\w.:-]{1,256}$/;

export class Streams implements PublisherRoom, SubscriptionRoom {
  readonly memory: Memory<Publisher> = new Memory();
  /** Set as soon as there is one. */
  driver!: Driver;
  readonly #lists: Lists;
  readonly #frameBytesMax: number;
  readonly #subscriptions = new Set<Subscription>();

  constructor(lists: Lists, frameBytesMax: number) {
    this.#lists = lists;
    this.#frameBytesMax = frameBytesMax;
  }

  get frameBytesMax(): number {
    return Math.min(this.#frameBytesMax, this.#lists.grants?.caps.frame_bytes_max ?? Infinity);
  }

  async publish(request: PublishRequest, again: boolean, bufferedMax: number): Promise<Publisher> {
    if (!NAME.test(request.stream))
      throw new InvalidError("name_invalid", "a stream's name is 1 to 256 of 0-9A-Za-z_.:-");
    const publisher = new Publisher(this, request, again, bufferedMax);
    const connection = this.driver.seated();
    this.memory.own.push(publisher);
    try {
      await connection.ask<Answer>(request, answer => this.#began(connection, publisher, answer));
      return publisher;
    } catch (error) {
      this.#forget(publisher);
      throw error;
    }
  }

  /** A stream has begun. One that was taken back meanwhile is ended; one of the same name has given way. */
  #began(connection: Connection, publisher: Publisher, { stream }: Answer): boolean {
    const { own } = this.memory;
    const others = own.filter(other => other !== publisher && other.name === publisher.name);
    if (!own.includes(publisher)) {
      if (!others.length) connection.ask({ op: "unpublish", stream: publisher.name }).catch(() => {});
      return false;
    }
    publisher.held = "live";
    publisher.number = stream;
    publisher.setWatched(false);
    for (const other of others) this.#over(other, "replaced");
    return true;
  }

  #forget(publisher: Publisher): void {
    this.memory.own = this.memory.own.filter(other => other !== publisher);
  }

  #over(publisher: Publisher, reason: Parameters<Publisher["over"]>[0]): void {
    this.#forget(publisher);
    publisher.over(reason);
  }

  unpublish(publisher: Publisher): void {
    const isLive = publisher.state === "live";
    this.#over(publisher, "unpublished");
    if (isLive) this.driver.connection?.ask({ op: "unpublish", stream: publisher.name }).catch(() => {});
  }

  async subscribe(patterns: readonly string[], queueMax?: number): Promise<Subscription> {
    const invalid = patterns.find(pattern => !NAME.test(pattern.replace(/\*$/, "")) && pattern !== "*");
    if (invalid !== undefined)
      throw new InvalidError("name_invalid", "a pattern is a name, or a prefix followed by one `*`");
    const subscription = new Subscription(this, patterns, queueMax);
    // Frames may follow the answer in the same breath.
    this.#subscriptions.add(subscription);
    try {
      await this.#subscribe(this.driver.seated(), patterns);
      return subscription;
    } catch (error) {
      this.#subscriptions.delete(subscription);
      throw error;
    }
  }

  /** Asks for patterns; the streams found. */
  async #subscribe(connection: Connection, streams: readonly string[]): Promise<readonly FoundStream[]> {
    const from = this.memory.places(streams);
    const fields = { op: "subscribe", streams, from: from.length ? from : undefined };
    return (await connection.ask<Found>(fields, answer => this.memory.subscribed(streams, answer.streams)))
      .streams;
  }

  async unsubscribe(subscription: Subscription): Promise<void> {
    this.#subscriptions.delete(subscription);
    const others = [...this.#subscriptions].flatMap(({ patterns }) => patterns);
    const streams = subscription.patterns.filter(pattern => !others.includes(pattern));
    const { connection } = this.driver;
    if (!streams.length) return;
    const taken = () => this.memory.unsubscribed(streams);
    if (connection) await connection.ask({ op: "unsubscribe", streams }, taken);
    else taken();
  }

  reading(patterns: readonly string[]): FoundStream[] {
    return this.memory.reading(patterns);
  }

  /** The connection is gone. */
  lost(): void {
    for (const stream of this.memory.lost()) this.#before.set(stream.name, stream);
  }

  /** What was read when the connection went. */
  readonly #before = new Map<string, FoundStream>();

  /** What was published and read goes on. The names of the streams that did not go on without a gap. */
  async takeUp(connection: Connection): Promise<string[]> {
    const { memory } = this;
    const patterns = [...memory.patterns];
    memory.due.clear();
    const [found, ...refused] = await Promise.all([
      patterns.length ? this.#subscribeAgain(connection, patterns) : [],
      ...memory.own.map(publisher => this.#publishAgain(connection, publisher)),
    ]);
    for (const stream of found) {
      this.#before.delete(stream.name);
      this.#tell(stream.name, "found", stream);
    }
    const gone = [...this.#before.values()];
    this.#before.clear();
    for (const stream of gone) this.#tell(stream.name, "ended", { stream, reason: "lost" });
    const anew = found.filter(({ resumed }) => resumed === false);
    return [...refused.flat(), ...[...gone, ...anew].map(({ name }) => name)];
  }

  /** Asks for a stream of the member's own again; its name if it is refused. */
  async #publishAgain(connection: Connection, publisher: Publisher): Promise<string[]> {
    publisher.held = "asked";
    try {
      await connection.ask<Answer>(publisher.request, answer => {
        if (this.#began(connection, publisher, answer)) publisher.emit("begun", undefined);
      });
      return [];
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      this.#denied(publisher);
      return [publisher.name];
    }
  }

  #denied(publisher: Publisher): void {
    publisher.held = "denied";
    publisher.emit("denied", { again: publisher.again });
    if (!publisher.again) this.#over(publisher, "denied");
  }

  /**
   * Asks for patterns again. Of the patterns of a request all are accepted or none, so one that is denied would keep
   * the others out: each half is asked for by itself. What is left is due at the next change of rights.
   */
  async #subscribeAgain(
    connection: Connection,
    patterns: readonly string[],
  ): Promise<readonly FoundStream[]> {
    try {
      return await this.#subscribe(connection, patterns);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      if (patterns.length === 1 || error.code !== "subscribe_denied" || this.#lists.waiting) {
        this.memory.refused(patterns);
        return [];
      }
      const middle = Math.ceil(patterns.length / 2);
      const halves = [patterns.slice(0, middle), patterns.slice(middle)];
      return (await Promise.all(halves.map(half => this.#subscribeAgain(connection, half)))).flat();
    }
  }

  /** The member may do something else than before. */
  regranted(): void {
    const { grants, waiting } = this.#lists;
    const { connection } = this.driver;
    if (!grants || !connection) return;
    const { denied, asked } = regranted(this.memory.own, grants);
    for (const publisher of denied) this.#denied(publisher);
    for (const publisher of asked) this.#publishAgain(connection, publisher).catch(() => {});
    if (waiting || !this.memory.due.size) return;
    const due = [...this.memory.due];
    this.memory.due.clear();
    this.#subscribeAgain(connection, due)
      .then(found => {
        for (const stream of found) this.#tell(stream.name, "found", stream);
        if (found.length) this.#lists.emit("subscribed", { streams: found });
      })
      .catch(() => {});
  }

  #tell<K extends keyof SubscriptionEvents>(name: string, event: K, value: SubscriptionEvents[K]): void {
    for (const subscription of this.#subscriptions)
      if (subscription.has(name)) subscription.emit(event, value);
  }

  /** The stream of the member's own that has this number. */
  #own(number: unknown): Publisher | undefined {
    return this.memory.own.find(({ held, number: own }) => held === "live" && own === number);
  }

  /** What the relay says about streams. */
  hear(said: Unasked): void {
    const { memory } = this;
    if (said.is === "frame") {
      const place = memory.frame(said.stream);
      if (!place) return;
      const frame = { ...place, keyframe: said.keyframe, payload: said.payload };
      for (const subscription of this.#subscriptions)
        if (subscription.has(place.stream.name)) subscription.frame(frame);
      return;
    }
    const { name, event } = said as { name: string; event: unknown } as { name: string; event: StreamEvent };
    switch (name) {
      case "subscribed":
        memory.found(event.streams);
        for (const stream of event.streams) this.#tell(stream.name, "found", stream);
        break;
      case "lagged": {
        const stream = memory.lagged(event.stream, event.seq);
        if (stream) this.#tell(stream.name, "lagged", { stream, lost: event.lost, seq: event.seq });
        break;
      }
      case "ended": {
        const stream = memory.ended(event.stream);
        if (stream) this.#tell(stream.name, "ended", { stream, reason: event.reason });
        break;
      }
      case "unpublished": {
        const publisher = this.#own(event.stream);
        if (publisher && event.reason !== "denied") this.#over(publisher, event.reason);
        break;
      }
      case "keyframeWanted":
        this.#own(event.stream)?.keyframeWanted();
        break;
      case "watched":
        this.#own(event.stream)?.setWatched(event.watched);
    }
  }

  /** The room is over. */
  close(): void {
    for (const publisher of this.memory.own) publisher.over("closed");
    for (const subscription of this.#subscriptions) subscription.over();
    this.memory.own = [];
    this.#subscriptions.clear();
  }
}

/** The fields of every event about streams. */
interface StreamEvent {
  readonly stream: number;
  readonly streams: readonly FoundStream[];
  readonly seq: number;
  readonly lost: number;
  readonly reason: Ending;
  readonly watched: boolean;
}
