// What a reconnect takes along: patterns, reading positions, own streams. Pure: counts as `spec/wire.md` §Data frames
// says.
import { matches } from "../grants/pattern.ts";
import type { Cursor, FoundStream, Place, Seat } from "./event.ts";
import type { Own } from "./own.ts";

/** A stream that is read. */
interface Reading {
  readonly stream: FoundStream;
  next: number;
}

/** What outlives a connection, and with `sessionResume` a page. Never a token. */
export interface Saved {
  /** The relay that it is of. */
  url: string;
  /** The next event of the room. */
  events?: Cursor;
  /** Reading positions. */
  places: Place[];
  /** Logs in next time in place of a token that logs in once. */
  ticket?: string;
}

/** The memory of a room. */
export class Memory<T extends Own = Own> {
  /** Patterns that the relay accepted, or that it is asked for again. */
  readonly patterns: Set<string> = new Set();
  /** Patterns that the relay refused when they were taken up: due at the next change of rights. */
  readonly due: Set<string> = new Set();
  /** The member's own streams, in the order in which they were begun. */
  own: T[] = [];
  /** The next event of the room. */
  events: Cursor | undefined;
  /** Logs in next time in place of a token that logs in once. */
  ticket: string | undefined;
  readonly #reading = new Map<number, Reading>();
  #places: Place[] = [];

  /** Takes up what an earlier page has kept. */
  load({ events, places, ticket }: Saved): void {
    this.events = events;
    this.#places = places;
    this.ticket = ticket;
  }

  /** What a later page may take up. */
  save(url: string): Saved {
    const { events, ticket } = this;
    const places = [...this.#reading.values()].map(place).concat(this.#places);
    return { url, places, ...(events && { events }), ...(ticket && { ticket }) };
  }

  /** The seat was taken. */
  seated({ events, ticket }: Pick<Seat, "events" | "ticket">): void {
    this.events = events;
    this.ticket = ticket;
  }

  /** Streams were found. */
  found(streams: readonly FoundStream[]): void {
    for (const stream of streams) this.#reading.set(stream.stream, { stream, next: stream.seq });
  }

  /** The streams that are read and that one of these patterns matches. */
  reading(patterns: readonly string[]): FoundStream[] {
    const all = [...this.#reading.values()].map(({ stream }) => stream);
    return all.filter(({ name }) => matches(patterns, name));
  }

  /** A frame came: its stream and its number; nothing for a stream that is not read any more. */
  frame(number: number): { stream: FoundStream; seq: number } | undefined {
    const reading = this.#reading.get(number);
    return reading && { stream: reading.stream, seq: reading.next++ };
  }

  /** Frames were lost: the next one is number `seq`. */
  lagged(number: number, seq: number): FoundStream | undefined {
    const reading = this.#reading.get(number);
    if (reading) reading.next = seq;
    return reading?.stream;
  }

  /** A stream is over. */
  ended(number: number): FoundStream | undefined {
    const stream = this.#reading.get(number)?.stream;
    this.#reading.delete(number);
    return stream;
  }

  /** An event of the room came. */
  numbered(n: number | undefined): void {
    if (this.events && n !== undefined) this.events = { ...this.events, seq: n + 1 };
  }

  /** Patterns were subscribed to. */
  subscribed(patterns: readonly string[], streams: readonly FoundStream[]): void {
    for (const pattern of patterns) {
      this.due.delete(pattern);
      this.patterns.add(pattern);
    }
    this.#places = this.#places.filter(({ stream }) => !matches(patterns, stream));
    this.found(streams);
  }

  /** Patterns that could not be taken up, and are wanted still. */
  refused(patterns: readonly string[]): void {
    for (const pattern of patterns) if (this.patterns.has(pattern)) this.due.add(pattern);
  }

  /** Patterns were taken back; streams that no other pattern matches are not read any more. */
  unsubscribed(patterns: readonly string[]): void {
    for (const pattern of patterns) {
      this.patterns.delete(pattern);
      this.due.delete(pattern);
    }
    const left = [...this.patterns];
    for (const [number, { stream }] of this.#reading) {
      if (!matches(left, stream.name)) this.#reading.delete(number);
    }
  }

  /** The connection is gone, and the numbers of its streams with it. The streams that were read. */
  lost(): FoundStream[] {
    const readings = [...this.#reading.values()];
    this.#places = readings.map(place).concat(this.#places);
    this.#reading.clear();
    return readings.map(({ stream }) => stream);
  }

  /** Where reading goes on for streams of these patterns. They stay until the patterns are subscribed to. */
  places(patterns: readonly string[]): Place[] {
    return this.#places.filter(({ stream }) => matches(patterns, stream));
  }
}

function place({ stream, next }: Reading): Place {
  return { stream: stream.name, epoch: stream.epoch, seq: next };
}
