// What a member may do: the form of a role's template and of the effective grants (spec/roles.md §Template). Types
// alone; decisions are in `authorize.ts`.

import type { Kind, Verb } from "../spec.ts";

/** Every kind of stream, in the order of the specification. */
export const KINDS: readonly Kind[] = ["audio", "video", "screen", "data"];

/** A verb of moderation, as a role's template grants it. */
export type GrantedVerb = Exclude<Verb, "decline">;

/** Every verb of moderation that a role can grant, in the order of the specification. */
export const VERBS: readonly GrantedVerb[] = [
  "kick",
  "ban",
  "mute",
  "unmute",
  "promote",
  "demote",
  "close",
  "admit",
];

/**
 * What happens when a user who has a seat in the room logs in again; `allow` is 2 to 16 seats.
 *
 * ```ts
 * const twoDevices: SecondLogin = { allow: 2 };
 * ```
 */
export type SecondLogin = "reject" | "replace" | { readonly allow: number };

/** The most seats that `second_login` may allow one user in a room. */
export const SECOND_LOGIN_ALLOW_MAX = 16;

/** What may be published. */
export interface PublishGrants {
  /** Patterns of stream names. */
  readonly streams: readonly string[];
  /** Kinds of streams. */
  readonly kinds: readonly Kind[];
  /** How many streams at once. */
  readonly streams_max: number;
}

/** What may be subscribed to. */
export interface SubscribeGrants {
  /** Patterns of stream names. */
  readonly streams: readonly string[];
  /** Patterns of their publishers' roles. */
  readonly from: readonly string[];
}

/** Whom messages may go to. */
export interface SendGrants {
  /** Everybody in the room at once. */
  readonly room: boolean;
  /** Patterns of roles that may be messaged as a whole. */
  readonly roles: readonly string[];
  /** Patterns of the roles of users that may be messaged alone. */
  readonly users: readonly string[];
}

/** Who sees whom; both sides must allow it. */
export interface PresenceGrants {
  /** Patterns of roles that the member sees. */
  readonly sees: readonly string[];
  /** Patterns of roles that see the member. */
  readonly seen_by: readonly string[];
}

/** Bounds; what is absent is bounded by the relay alone. */
export interface Caps {
  /** Members of the role in one room. */
  readonly members_max?: number;
  /** Messages that a member sends in a second. */
  readonly messages_per_s?: number;
  /** Bytes of the frames that a member publishes in a second. */
  readonly bytes_per_s?: number;
  /** Bytes of one frame that a member publishes. */
  readonly frame_bytes_max?: number;
}

/**
 * What a member may do, with every field. A role's template has this form, and so have the effective grants that the
 * relay sends. What it does not name is refused.
 *
 * ```ts
 * const canSpeak = (grants: Grants): boolean => grants.publish.kinds.includes("audio");
 * ```
 */
export interface Grants {
  /** The role: 1 to 32 bytes of `[a-z0-9_-]`. */
  readonly role: string;
  /** 0 to 65535. Acts of moderation reach lower ranks only. */
  readonly rank: number;
  /** What may be published. */
  readonly publish: PublishGrants;
  /** What may be subscribed to. */
  readonly subscribe: SubscribeGrants;
  /** Whom messages may go to. */
  readonly send: SendGrants;
  /** Patterns of keys of the room's state that may be set. */
  readonly set: readonly string[];
  /** Verbs of moderation. */
  readonly moderate: readonly GrantedVerb[];
  /** Who sees whom. */
  readonly presence: PresenceGrants;
  /** Patterns of roles that may be asked for. */
  readonly ask: readonly string[];
  /** Patterns of roles for which a token may be obtained for somebody else. */
  readonly invite: readonly string[];
  /** Whether who comes with the role waits until admitted. */
  readonly waits: boolean;
  /** What a second login does; absent: the app's setting. */
  readonly second_login?: SecondLogin;
  /** Bounds. */
  readonly caps: Caps;
}
