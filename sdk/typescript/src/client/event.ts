// What the application hears, and the objects of `spec/wire.md` in camel case. Types alone, and their names.
import type { Grants } from "../grants/grants.ts";
import type { Next } from "./close.ts";
import type { StagedoorError } from "./error.ts";
import type { Delivery, Kind, Outcome, Why } from "../spec.ts";

export type { Delivery, Grants, Kind, Outcome, Why };

/** A member as the others see it. */
export interface Member {
  /** Its user id. */
  readonly user: string;
  /** Its role. */
  readonly role: string;
  /** The token's `name`. */
  readonly name?: string;
  /** The token's `meta`. */
  readonly meta?: string;
}

/** What somebody asks for; without `wants`, to be let in. */
export interface Asking extends Member {
  /** The role. */
  readonly wants?: string;
}

/** A live stream. */
export interface StreamInfo {
  /** Its number on this connection. */
  readonly stream: number;
  /** Its name. */
  readonly name: string;
  /** Its publisher. */
  readonly user: string;
  /** The role that its publisher had when it began. */
  readonly role: string;
  /** What it carries. */
  readonly kind: Kind;
  /** What happens to a reader that falls behind. */
  readonly delivery: Delivery;
  /** The publisher's words about it. */
  readonly meta?: string;
}

/** A stream that a subscription found. */
export interface FoundStream extends StreamInfo {
  /** Which log it is. */
  readonly epoch: number;
  /** The number of the next frame. */
  readonly seq: number;
  /** Whether reading went on without a gap; only where it was read before. */
  readonly resumed?: boolean;
}

/** A place in a log. */
export interface Cursor {
  /** Which log it is. */
  readonly epoch: number;
  /** The next number. */
  readonly seq: number;
}

/** A place in a stream. */
export interface Place extends Cursor {
  /** The stream's name. */
  readonly stream: string;
}

/** A key of the room's state. */
export interface StateEntry {
  /** The key. */
  readonly key: string;
  /** Any JSON. */
  readonly value: unknown;
  /** The number of the change, over all keys of the room. */
  readonly version: number;
  /** The user that set it; absent for the backend, and for a member that is hidden from this one. */
  readonly by?: string;
}

/** Receivers of a message. */
export type To = "room" | { readonly role: string } | { readonly user: string };

/** Why a stream ended. `lost`: it was gone when a lost connection came back. */
export type Ending = "unpublished" | "left" | "replaced" | "denied" | "lost" | (string & {});

/** A data frame. */
export interface Frame {
  /** Its stream. */
  readonly stream: FoundStream;
  /** Its number in the stream. */
  readonly seq: number;
  /** Whether it can be understood without a frame before it. */
  readonly keyframe: boolean;
  /** What the publisher sent: a view of what the socket received, not a copy. */
  readonly payload: Uint8Array;
}

/** Where a room is: `closed` is final. */
export type Status = "connecting" | "waiting" | "seated" | "reconnecting" | "closed";

/** How it ended. */
export interface Closed {
  /** The close code; 0 when the connection broke, or the client ended by itself. */
  readonly code: number;
  /** The reason. */
  readonly reason: string;
  /** What the close table says to do. */
  readonly next: Next;
}

/** The difference of the relay's clock to this one, and the way there and back. */
export interface ClockState {
  /** The relay's Unix time minus this machine's, in milliseconds. */
  readonly offsetMs: number;
  /** There and back, in milliseconds. */
  readonly rttMs: number;
}

/** What the relay says, by the names of `spec/wire.md` in camel case, with its fields. */
export interface RelayEvents {
  /** Members came. */
  joined: { readonly n: number; readonly members: readonly Member[]; readonly count: number };
  /** Members left. */
  left: { readonly n: number; readonly users: readonly string[]; readonly count: number };
  /** A stream began that the member may subscribe to. */
  published: StreamInfo & { readonly n?: number };
  /** Such a stream ended. */
  unpublished: { readonly n: number; readonly stream: number; readonly name: string; readonly reason: Ending };
  /** A message; without `from`, of the app's backend. */
  message: {
    readonly n?: number;
    readonly from?: Member;
    readonly to: To;
    readonly topic?: string;
    readonly data: unknown;
    readonly atMs: number;
  };
  /** A key of the room's state was set, or removed (`null`). */
  state: StateEntry & { readonly n?: number };
  /** A member has another role. */
  roleChanged: { readonly n: number; readonly user: string; readonly role: string };
  /** This member may do something else than before. */
  grantsChanged: { readonly role: string; readonly grants: Grants; readonly why: Why; readonly by?: string };
  /** Somebody asks for something that this member may decide. */
  asked: Asking;
  /** That is over. */
  askEnded: { readonly user: string; readonly outcome: Outcome };
  /** Subscriptions found streams. */
  subscribed: { readonly streams: readonly FoundStream[] };
  /** A stream that was read is over. */
  ended: { readonly stream: number; readonly name: string; readonly seq: number; readonly reason: Ending };
  /** Frames were lost; the next one is number `seq`. */
  lagged: { readonly stream: number; readonly lost: number; readonly seq: number };
  /** Requests come too fast. */
  throttled: { readonly op: string; readonly retryMs: number };
  /** The token ends soon; the client renews by itself. */
  tokenExpiring: { readonly exp: number; readonly now: number };
  /** The token has ended; the seat ends at `until` if no new one comes. */
  tokenExpired: { readonly until: number; readonly now: number };
  /** The token was revoked; the seat ends at `until` if no new one comes. */
  tokenRevoked: { readonly until: number; readonly now: number };
  /** The relay closes soon. */
  closing: { readonly code: number; readonly reason: string; readonly next: Next; readonly inMs: number };
}

/** What a room says: the relay's events, and the client's own. */
export interface RoomEvents extends RelayEvents {
  /** The room is somewhere else. */
  status: { readonly status: Status; readonly before: Status };
  /** The seat goes on with a new token. */
  renewed: { readonly role: string; readonly grants: Grants; readonly exp: number };
  /** There was no new token, or the relay refused it: the seat goes on with the old one, to its end. */
  renewFailed: { readonly error: StagedoorError };
  /** The connection was lost, and will be tried again. */
  reconnecting: { readonly attempt: number; readonly delayMs: number; readonly because: StagedoorError };
  /** The connection is back. `streamsBegunAnew` did not go on without a gap, or are gone. */
  reconnected: { readonly eventsResumed: boolean; readonly streamsBegunAnew: readonly string[] };
  /** The last one. */
  closed: Closed;
}

/** One event with its name, as `room.events()` gives it. */
export type RoomEvent = {
  [K in keyof RoomEvents]: { readonly type: K; readonly event: RoomEvents[K] };
}[keyof RoomEvents];

/** What the relay says to the application. Others are for the client, or of a later version. */
export const RELAY_EVENTS: ReadonlySet<string> = new Set<keyof RelayEvents>([
  "joined",
  "left",
  "published",
  "unpublished",
  "message",
  "state",
  "roleChanged",
  "grantsChanged",
  "asked",
  "askEnded",
  "subscribed",
  "ended",
  "lagged",
  "throttled",
  "tokenExpiring",
  "tokenExpired",
  "tokenRevoked",
  "closing",
]);

/** The answer to a `login`. */
export interface Seat extends Member {
  readonly app: number;
  readonly room: string;
  readonly grants: Grants;
  readonly exp: number;
  readonly now: number;
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
  readonly count: number;
  readonly members: readonly Member[];
  readonly next?: string;
  readonly streams: readonly StreamInfo[];
  readonly state: readonly StateEntry[];
  readonly events: Cursor;
  readonly resumed?: boolean;
  readonly waiting?: boolean;
  readonly asks?: readonly Asking[];
  readonly more?: boolean;
  readonly ticket?: string;
}

/** The request that begins a stream. */
export interface PublishRequest {
  readonly op: "publish";
  readonly stream: string;
  readonly kind: Kind;
  readonly delivery?: Delivery;
  readonly meta?: string;
  readonly keep_ms?: number;
  readonly history?: boolean;
  readonly behind_ms?: number;
}
