// What the application hears, and the objects of `spec/wire.md` in camel case. Types, and the names of events.
import type { Grants } from "../grants/grants.ts";
import type * as spec from "../spec.ts";
import type { StagedoorError } from "./error.ts";

export type { Delivery, Kind, KnownCode, Next, Outcome, Why } from "../spec.ts";
export type { Grants };

/** `keep_ms` becomes `keepMs`. */
export type CamelName<S> = S extends `${infer A}_${infer B}` ? `${A}${Capitalize<CamelName<B>>}` : S;

/** An object of the wire, with the names of its fields in camel case. Grants stay in the form of `spec/roles.md`. */
export type Camel<T> = T extends string | Grants
  ? T
  : T extends readonly (infer U)[]
    ? readonly Camel<U>[]
    : T extends object
      ? { [K in keyof T as CamelName<K>]: Camel<T[K]> }
      : T;

/** A member as the others see it. */
export type Member = Camel<spec.Member>;
/** What somebody asks for; without `wants`, to be let in. */
export type Asking = Camel<spec.Asking>;
/** A live stream. */
export type StreamInfo = Camel<spec.Stream>;
/** A stream that a subscription found. */
export type FoundStream = Camel<spec.Found>;
/** A place in a log: which one, and the next number. */
export type Cursor = Camel<spec.Cursor>;
/** A place in a stream, by its name. */
export type Place = Camel<spec.Place>;
/** Receivers of a message: the room, a role or a user. */
export type To = spec.Receivers;
/** Why a stream ended. `lost`: it was gone when a lost connection came back. */
export type Ending = spec.Ending | "lost";
/** The answer to a `login`. */
export type Seat = Camel<spec.Answers["login"]>;

/** A key of the room's state: any JSON, the number of its last change, and the user that made it. */
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
  readonly next: spec.Next;
}

/** The difference of the relay's clock to this one, and the way there and back. */
export interface ClockState {
  /** The relay's Unix time minus this machine's, in milliseconds. */
  readonly offsetMs: number;
  /** There and back, in milliseconds. */
  readonly rttMs: number;
}

/** What the relay says, by the names of `spec/wire.md` in camel case, with its fields. */
export type RelayEvents = {
  [K in Exclude<keyof spec.Events, Private> as CamelName<K>]: Camel<spec.Events[K]>;
};

/** One event of the relay with its name. */
export type RelayEvent = Named<RelayEvents>;

/** Events by their names become events with their names. */
type Named<T> = { [K in keyof T]: { readonly type: K; readonly event: T[K] } }[keyof T];

/** Events that the client takes for itself, or passes on to a publisher. */
type Private = "listed" | "keyframe_wanted" | "watched";

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
export type RoomEvent = Named<RoomEvents>;

/** What the relay says to the application. Others are for the client, or of a later version. */
export const RELAY_EVENTS: ReadonlySet<string> = new Set(
  (
    "joined left published unpublished message state roleChanged grantsChanged asked askEnded subscribed ended " +
    "lagged throttled tokenExpiring tokenExpired tokenRevoked closing"
  ).split(" "),
);

/** The request that begins a stream. */
export interface PublishRequest {
  readonly op: "publish";
  readonly stream: string;
  readonly kind: spec.Kind;
  readonly [option: string]: unknown;
}
