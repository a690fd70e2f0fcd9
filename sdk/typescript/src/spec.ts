// What spec/*.md says, as types and constants: requests, answers, events, codes, closes and limits. Made by
// scripts/spec.ts; do not edit. Decides nothing.

import type { Grants } from "./grants/grants.ts";

/** An object without a field. */
export type Empty = Readonly<Record<never, never>>;

/** `receivers` of the wire. */
export type Receivers = "room" | { readonly role: string } | { readonly user: string };

/** `kind` of the wire. */
export type Kind = "audio" | "video" | "screen" | "data";

/** `delivery` of the wire. */
export type Delivery = "media" | "latest" | "reliable";

/** `verb` of the wire. */
export type Verb = "kick" | "ban" | "mute" | "unmute" | "promote" | "demote" | "admit" | "decline" | "close";

/** `ending` of the wire. */
export type Ending = "unpublished" | "left" | "replaced" | "denied";

/** `why` of the wire. */
export type Why = "promoted" | "demoted" | "muted" | "unmuted" | "admitted" | "expired" | "revoked" | "roles" | "renewed";

/** `outcome` of the wire. */
export type Outcome = "accepted" | "declined" | "withdrawn";

/** `next` of the wire. */
export type Next = "now" | "later" | "token" | "stop";

/** `member` of the wire. */
export interface Member {
  /** A user id; in a `login`: must be the token's. */
  readonly user: string;
  /** A role's name. */
  readonly role: string;
  /** The token's `name`, shown to others. */
  readonly name?: string;
  /** The token's, or the publisher's description of its stream. */
  readonly meta?: string;
}

/** `asking` of the wire. */
export interface Asking {
  /** A user id; in a `login`: must be the token's. */
  readonly user: string;
  /** A role's name. */
  readonly role: string;
  /** The token's `name`, shown to others. */
  readonly name?: string;
  /** The token's, or the publisher's description of its stream. */
  readonly meta?: string;
  /** The role; absent: admission. */
  readonly wants?: string;
}

/** `stream` of the wire. */
export interface Stream {
  /** The stream's number, which data frames carry. */
  readonly stream: number;
  /** The stream's name. */
  readonly name: string;
  /** A user id; in a `login`: must be the token's. */
  readonly user: string;
  /** A role's name. */
  readonly role: string;
  /** What the stream carries. */
  readonly kind: Kind;
  /** What happens to a subscriber that falls behind. */
  readonly delivery: Delivery;
  /** The token's, or the publisher's description of its stream. */
  readonly meta?: string;
}

/** `found` of the wire. */
export interface Found {
  /** The stream's number, which data frames carry. */
  readonly stream: number;
  /** The stream's name. */
  readonly name: string;
  /** A user id; in a `login`: must be the token's. */
  readonly user: string;
  /** A role's name. */
  readonly role: string;
  /** What the stream carries. */
  readonly kind: Kind;
  /** What happens to a subscriber that falls behind. */
  readonly delivery: Delivery;
  /** The token's, or the publisher's description of its stream. */
  readonly meta?: string;
  /** Identifies the log: a new stream or a new room has a new one. */
  readonly epoch: number;
  /** The number of the next frame or event; in `ended`, how many frames there were. */
  readonly seq: number;
  /** Whether reading continues exactly at the cursor; only if one was given. */
  readonly resumed?: boolean;
}

/** `place` of the wire. */
export interface Place {
  /** The stream's name. */
  readonly stream: string;
  /** Identifies the log: a new stream or a new room has a new one. */
  readonly epoch: number;
  /** The number of the next frame or event; in `ended`, how many frames there were. */
  readonly seq: number;
}

/** `cursor` of the wire. */
export interface Cursor {
  /** Identifies the log: a new stream or a new room has a new one. */
  readonly epoch: number;
  /** The number of the next frame or event; in `ended`, how many frames there were. */
  readonly seq: number;
}

/** `entry` of the wire. */
export interface Entry {
  /** A key of the room's state. */
  readonly key: string;
  /** `null` in `set` and `state`: the key is removed. */
  readonly value: unknown;
  /** The number of the change, over all keys of the room. */
  readonly version: number;
}

/** `error` of the wire. */
export interface WireError {
  /** For programs: "Error codes". */
  readonly code: Code;
  /** For people. */
  readonly message: string;
  /** The rule of the role or the token that refused it, such as `publish.kinds`. */
  readonly rule?: string;
  /** The claim of the token, as a path. */
  readonly field?: string;
  /** The bound of the key that the token exceeds, such as `rank_max`. */
  readonly bound?: string;
  /** When to try again, in milliseconds from now. */
  readonly retry_ms?: number;
  /** The number of the change, over all keys of the room. */
  readonly version?: number;
  /** What the proof must contain. */
  readonly nonce?: string;
  /** The number of a refused login or `renew`, such as `a_7Kq3TzWn`. */
  readonly attempt?: string;
}

/** The fields of each request, by `op`. */
export interface Requests {
  /** `login` */
  readonly login: {
    /** As the backend gave it. */
    readonly token?: string;
    /** For the next login, in place of the token. */
    readonly ticket?: string;
    /** See spec/wire.md, Stolen tokens. */
    readonly proof?: string;
    /** The AppID; in a `login`: must be the token's (needed only for `token04.md`). */
    readonly app?: number;
    /** In a `login`: must be the token's. */
    readonly room?: string;
    /** A user id; in a `login`: must be the token's. */
    readonly user?: string;
    /** `events` of an earlier connection, with the next number. */
    readonly resume?: Cursor;
  };
  /** `renew` */
  readonly renew: {
    /** As the backend gave it. */
    readonly token: string;
    /** See spec/wire.md, Stolen tokens. */
    readonly proof?: string;
  };
  /** `publish` */
  readonly publish: {
    /** The stream's name. */
    readonly stream: string;
    /** What the stream carries. */
    readonly kind: Kind;
    /** What happens to a subscriber that falls behind. */
    readonly delivery?: Delivery;
    /** The token's, or the publisher's description of its stream. */
    readonly meta?: string;
    /** How long a frame is kept for slow readers, in milliseconds. */
    readonly keep_ms?: number;
    /** Late subscribers start at the oldest kept frame. */
    readonly history?: boolean;
    /** How far behind a subscriber of a `media` stream may be, in milliseconds. */
    readonly behind_ms?: number;
  };
  /** `unpublish` */
  readonly unpublish: {
    /** The stream's name. */
    readonly stream: string;
  };
  /** `subscribe` */
  readonly subscribe: {
    /** The same ones end a subscription. */
    readonly streams: readonly string[];
    /** Where reading continues, by stream. */
    readonly from?: readonly Place[];
  };
  /** `unsubscribe` */
  readonly unsubscribe: {
    /** The same ones end a subscription. */
    readonly streams: readonly string[];
  };
  /** `send` */
  readonly send: {
    /** Everybody, everybody with a role, or one user. */
    readonly to: Receivers;
    /** The topic. */
    readonly topic?: string;
    /** Passed on unchanged. */
    readonly data: unknown;
  };
  /** `set` */
  readonly set: {
    /** A key of the room's state. */
    readonly key: string;
    /** `null` in `set` and `state`: the key is removed. */
    readonly value: unknown;
    /** Only if the key has this version; 0: only if it does not exist. */
    readonly if_version?: number;
  };
  /** `moderate` */
  readonly moderate: {
    /** What to do. */
    readonly verb: Verb;
    /** A user id; in a `login`: must be the token's. */
    readonly user?: string;
    /** User ids; in `moderate`, those to admit. */
    readonly users?: readonly string[];
    /** Everybody who waits and whom the member may admit. */
    readonly all?: boolean;
    /** A role's name. */
    readonly role?: string;
    /** What to mute; absent: everything. */
    readonly kinds?: readonly Kind[];
    /** The length of the ban, in seconds; absent: without an end. */
    readonly for_s?: number;
  };
  /** `ask` */
  readonly ask: {
    /** A role's name. */
    readonly role: string;
  };
  /** `unask` */
  readonly unask: Empty;
  /** `invite` */
  readonly invite: {
    /** A role's name. */
    readonly role: string;
    /** The lifetime of the guest's token, in seconds. */
    readonly ttl_s: number;
    /** The token's `name`, shown to others. */
    readonly name?: string;
    /** Whether the guest's token logs in only once. */
    readonly once?: boolean;
  };
  /** `members` */
  readonly members: {
    /** Only users after this one, in byte order. */
    readonly after?: string;
  };
  /** `ping` */
  readonly ping: Empty;
  /** `keyframe` */
  readonly keyframe: {
    /** The stream's number, which data frames carry. */
    readonly stream: number;
  };
  /** `leave` */
  readonly leave: Empty;
}

/** The `ok` of each request's answer, by `op`. */
export interface Answers {
  /** `login` */
  readonly login: {
    /** The AppID; in a `login`: must be the token's (needed only for `token04.md`). */
    readonly app: number;
    /** In a `login`: must be the token's. */
    readonly room: string;
    /** A user id; in a `login`: must be the token's. */
    readonly user: string;
    /** A role's name. */
    readonly role: string;
    /** The token's `name`, shown to others. */
    readonly name?: string;
    /** The token's, or the publisher's description of its stream. */
    readonly meta?: string;
    /** What the member may do now. */
    readonly grants: Grants;
    /** When the token expires, Unix seconds. */
    readonly exp: number;
    /** The relay's time, Unix seconds. */
    readonly now: number;
    /** See spec/wire.md, Staying alive. */
    readonly ping_interval_ms: number;
    /** See spec/wire.md, Staying alive. */
    readonly pong_timeout_ms: number;
    /** Members in the room, without hidden ones. */
    readonly count: number;
    /** Those that the member sees, a page at a time. */
    readonly members: readonly Member[];
    /** `after` of the next page; absent on the last. */
    readonly next?: string;
    /** Those that the member may subscribe to. */
    readonly streams: readonly Stream[];
    /** The room's state. */
    readonly state: readonly Entry[];
    /** Where the room's events continue. */
    readonly events: Cursor;
    /** Whether reading continues exactly at the cursor; only if one was given. */
    readonly resumed?: boolean;
    /** Whether the member waits for admission. */
    readonly waiting?: boolean;
    /** The requests of others that this member may decide. */
    readonly asks?: readonly Asking[];
    /** Whether more of `streams`, `state` and `asks` follows, and then `listed`. */
    readonly more?: boolean;
    /** For the next login, in place of the token. */
    readonly ticket?: string;
  };
  /** `renew` */
  readonly renew: {
    /** A role's name. */
    readonly role: string;
    /** What the member may do now. */
    readonly grants: Grants;
    /** When the token expires, Unix seconds. */
    readonly exp: number;
    /** The relay's time, Unix seconds. */
    readonly now: number;
  };
  /** `publish` */
  readonly publish: {
    /** The stream's number, which data frames carry. */
    readonly stream: number;
    /** Identifies the log: a new stream or a new room has a new one. */
    readonly epoch: number;
  };
  /** `unpublish` */
  readonly unpublish: Empty;
  /** `subscribe` */
  readonly subscribe: {
    /** Those whose frames follow. */
    readonly streams: readonly Found[];
  };
  /** `unsubscribe` */
  readonly unsubscribe: Empty;
  /** `send` */
  readonly send: Empty;
  /** `set` */
  readonly set: {
    /** The number of the change, over all keys of the room. */
    readonly version: number;
  };
  /** `moderate` */
  readonly moderate: {
    /** How many were admitted. */
    readonly admitted?: number;
    /** How many of those named, or of all whom the member may admit, still wait. */
    readonly waiting?: number;
  };
  /** `ask` */
  readonly ask: Empty;
  /** `unask` */
  readonly unask: Empty;
  /** `invite` */
  readonly invite: {
    /** As the backend gave it. */
    readonly token: string;
    /** A user id; in a `login`: must be the token's. */
    readonly user: string;
    /** The token's id. */
    readonly jti: string;
    /** When the token expires, Unix seconds. */
    readonly exp: number;
  };
  /** `members` */
  readonly members: {
    /** Members in the room, without hidden ones. */
    readonly count: number;
    /** Those that the member sees, a page at a time. */
    readonly members: readonly Member[];
    /** `after` of the next page; absent on the last. */
    readonly next?: string;
  };
  /** `ping` */
  readonly ping: {
    /** The relay's time, Unix milliseconds. */
    readonly now_ms: number;
  };
  /** `keyframe` */
  readonly keyframe: Empty;
  /** `leave` */
  readonly leave: Empty;
}

/** The fields of each event, by `ev`. */
export interface Events {
  /** `joined` */
  readonly joined: {
    /** The number in the room's log as this member sees it; absent if the event completes the answer to `login`. */
    readonly n: number;
    /** Those that the member sees, a page at a time. */
    readonly members: readonly Member[];
    /** Members in the room, without hidden ones. */
    readonly count: number;
  };
  /** `left` */
  readonly left: {
    /** The number in the room's log as this member sees it; absent if the event completes the answer to `login`. */
    readonly n: number;
    /** User ids; in `moderate`, those to admit. */
    readonly users: readonly string[];
    /** Members in the room, without hidden ones. */
    readonly count: number;
  };
  /** `published` */
  readonly published: {
    /** The number in the room's log as this member sees it; absent if the event completes the answer to `login`. */
    readonly n?: number;
    /** The stream's number, which data frames carry. */
    readonly stream: number;
    /** The stream's name. */
    readonly name: string;
    /** A user id; in a `login`: must be the token's. */
    readonly user: string;
    /** A role's name. */
    readonly role: string;
    /** What the stream carries. */
    readonly kind: Kind;
    /** What happens to a subscriber that falls behind. */
    readonly delivery: Delivery;
    /** The token's, or the publisher's description of its stream. */
    readonly meta?: string;
  };
  /** `unpublished` */
  readonly unpublished: {
    /** The number in the room's log as this member sees it; absent if the event completes the answer to `login`. */
    readonly n: number;
    /** The stream's number, which data frames carry. */
    readonly stream: number;
    /** The stream's name. */
    readonly name: string;
    /** Why the stream ended. */
    readonly reason: Ending;
  };
  /** `message` */
  readonly message: {
    /** The number in the room's log as this member sees it; absent if the event completes the answer to `login`. */
    readonly n?: number;
    /** The sender; absent: the app's backend. */
    readonly from?: Member;
    /** Everybody, everybody with a role, or one user. */
    readonly to: Receivers;
    /** The topic. */
    readonly topic?: string;
    /** Passed on unchanged. */
    readonly data: unknown;
    /** When the relay took it, Unix milliseconds. */
    readonly at_ms: number;
  };
  /** `state` */
  readonly state: {
    /** The number in the room's log as this member sees it; absent if the event completes the answer to `login`. */
    readonly n?: number;
    /** A key of the room's state. */
    readonly key: string;
    /** `null` in `set` and `state`: the key is removed. */
    readonly value: unknown;
    /** The number of the change, over all keys of the room. */
    readonly version: number;
    /** The user who did it; absent if nobody did, or if that member is hidden from this one. */
    readonly by?: string;
  };
  /** `listed` */
  readonly listed: Empty;
  /** `subscribed` */
  readonly subscribed: {
    /** Those whose frames follow. */
    readonly streams: readonly Found[];
  };
  /** `ended` */
  readonly ended: {
    /** The stream's number, which data frames carry. */
    readonly stream: number;
    /** The stream's name. */
    readonly name: string;
    /** The number of the next frame or event; in `ended`, how many frames there were. */
    readonly seq: number;
    /** Why the stream ended. */
    readonly reason: Ending;
  };
  /** `lagged` */
  readonly lagged: {
    /** The stream's number, which data frames carry. */
    readonly stream: number;
    /** How many frames were lost just now. */
    readonly lost: number;
    /** The number of the next frame or event; in `ended`, how many frames there were. */
    readonly seq: number;
  };
  /** `keyframe_wanted` */
  readonly keyframe_wanted: {
    /** The stream's number, which data frames carry. */
    readonly stream: number;
    /** The stream's name. */
    readonly name: string;
  };
  /** `watched` */
  readonly watched: {
    /** The stream's number, which data frames carry. */
    readonly stream: number;
    /** The stream's name. */
    readonly name: string;
    /** Whether somebody reads the stream. */
    readonly watched: boolean;
  };
  /** `throttled` */
  readonly throttled: {
    /** The request. */
    readonly op: string;
    /** When to try again, in milliseconds from now. */
    readonly retry_ms: number;
  };
  /** `role_changed` */
  readonly role_changed: {
    /** The number in the room's log as this member sees it; absent if the event completes the answer to `login`. */
    readonly n: number;
    /** A user id; in a `login`: must be the token's. */
    readonly user: string;
    /** A role's name. */
    readonly role: string;
  };
  /** `grants_changed` */
  readonly grants_changed: {
    /** A role's name. */
    readonly role: string;
    /** What the member may do now. */
    readonly grants: Grants;
    /** Why the grants changed. */
    readonly why: Why;
    /** The user who did it; absent if nobody did, or if that member is hidden from this one. */
    readonly by?: string;
  };
  /** `asked` */
  readonly asked: {
    /** A user id; in a `login`: must be the token's. */
    readonly user: string;
    /** A role's name. */
    readonly role: string;
    /** The token's `name`, shown to others. */
    readonly name?: string;
    /** The token's, or the publisher's description of its stream. */
    readonly meta?: string;
    /** The role; absent: admission. */
    readonly wants?: string;
  };
  /** `ask_ended` */
  readonly ask_ended: {
    /** A user id; in a `login`: must be the token's. */
    readonly user: string;
    /** How the `ask` ended. */
    readonly outcome: Outcome;
  };
  /** `token_expiring` */
  readonly token_expiring: {
    /** When the token expires, Unix seconds. */
    readonly exp: number;
    /** The relay's time, Unix seconds. */
    readonly now: number;
  };
  /** `token_expired` */
  readonly token_expired: {
    /** When the seat ends unless a new token is presented, Unix seconds. */
    readonly until: number;
    /** The relay's time, Unix seconds. */
    readonly now: number;
  };
  /** `token_revoked` */
  readonly token_revoked: {
    /** When the seat ends unless a new token is presented, Unix seconds. */
    readonly until: number;
    /** The relay's time, Unix seconds. */
    readonly now: number;
  };
  /** `closing` */
  readonly closing: {
    /** The close code that will follow. */
    readonly code: number;
    /** The reason of the close that will follow. */
    readonly reason: string;
    /** What to do next: "Close codes". */
    readonly next: Next;
    /** How long it may take, in milliseconds. */
    readonly in_ms: number;
  };
}

/** An event, as the relay sends it. */
export type WireEvent = { [Ev in keyof Events]: { readonly ev: Ev } & Events[Ev] }[keyof Events];

/** The codes of this version's refusals. */
export type KnownCode =
  | "alg_unsupported"
  | "already_logged_in"
  | "app_mismatch"
  | "ask_denied"
  | "ask_unknown"
  | "asks_exceeded"
  | "at_exp_invalid"
  | "banned"
  | "claim_missing"
  | "claim_unknown"
  | "claims_malformed"
  | "closing"
  | "cnf_invalid"
  | "connections_exceeded"
  | "crit_unsupported"
  | "grants_invalid"
  | "grants_too_wide"
  | "handshake_invalid"
  | "handshake_too_large"
  | "header_invalid"
  | "invite_denied"
  | "jti_invalid"
  | "key_bounds_exceeded"
  | "key_retired"
  | "key_unknown"
  | "lifetime_too_long"
  | "login_required"
  | "max_stay_invalid"
  | "memory_exceeded"
  | "meta_invalid"
  | "moderate_denied"
  | "name_invalid"
  | "op_unknown"
  | "origin_refused"
  | "proof_invalid"
  | "proof_key_private"
  | "proof_required"
  | "publish_denied"
  | "query_refused"
  | "rate_exceeded"
  | "rate_limited"
  | "relay_unavailable"
  | "request_invalid"
  | "role_full"
  | "role_invalid"
  | "role_unknown"
  | "room_full"
  | "room_invalid"
  | "room_mismatch"
  | "seat_held"
  | "send_denied"
  | "set_denied"
  | "signature_invalid"
  | "state_exceeded"
  | "store_unavailable"
  | "stream_exists"
  | "stream_unknown"
  | "streams_exceeded"
  | "subscribe_denied"
  | "subscriptions_exceeded"
  | "ticket_unknown"
  | "times_invalid"
  | "token04_app_missing"
  | "token04_basic_refused"
  | "token04_cbc_refused"
  | "token04_expire_mismatch"
  | "token04_fields_invalid"
  | "token04_json_invalid"
  | "token04_layout_invalid"
  | "token04_login_denied"
  | "token04_padding_invalid"
  | "token04_payload_invalid"
  | "token04_room_missing"
  | "token04_stream_invalid"
  | "token04_tag_invalid"
  | "token04_utf8_invalid"
  | "token_expired"
  | "token_malformed"
  | "token_not_yet_valid"
  | "token_revoked"
  | "token_too_large"
  | "too_large"
  | "until_invalid"
  | "upgrade_required"
  | "user_invalid"
  | "user_mismatch"
  | "user_unknown"
  | "version_conflict";

/** A code of a refusal. Later versions may have more, so branch with a default. */
export type Code = KnownCode | (string & {});

/** The exact codes of refused tokens, for holders of the key (spec/token.md). */
export type TokenCode =
  | "token_too_large"
  | "token_malformed"
  | "header_invalid"
  | "alg_unsupported"
  | "crit_unsupported"
  | "key_unknown"
  | "key_retired"
  | "signature_invalid"
  | "claims_malformed"
  | "claim_missing"
  | "claim_unknown"
  | "app_mismatch"
  | "room_invalid"
  | "user_invalid"
  | "role_invalid"
  | "jti_invalid"
  | "name_invalid"
  | "meta_invalid"
  | "grants_invalid"
  | "at_exp_invalid"
  | "max_stay_invalid"
  | "until_invalid"
  | "cnf_invalid"
  | "times_invalid"
  | "lifetime_too_long"
  | "token_expired"
  | "token_not_yet_valid"
  | "role_unknown"
  | "grants_too_wide";

/** The rules of the grants (spec/roles.md). */
export type Rule =
  | "publish.streams"
  | "publish.kinds"
  | "publish.streams_max"
  | "subscribe.streams"
  | "subscribe.from"
  | "send.room"
  | "send.roles"
  | "send.users"
  | "set"
  | "moderate"
  | "rank"
  | "moderate.direction"
  | "presence.sees"
  | "presence.seen_by"
  | "ask"
  | "invite"
  | "invite.rank"
  | "waits"
  | "second_login"
  | "caps.messages_per_s"
  | "caps.bytes_per_s"
  | "caps.frame_bytes_max";

/** The reasons of the close codes. */
export type CloseReason =
  | "closing"
  | "slow"
  | "dead"
  | "write_timeout"
  | "connections_exceeded"
  | "login_timeout"
  | "room_full"
  | "rate_exceeded"
  | "role_full"
  | "seat_held"
  | "store_unavailable"
  | "memory_exceeded"
  | "token_invalid"
  | "token_expired"
  | "token_not_yet_valid"
  | "token_refused"
  | "room_mismatch"
  | "token_revoked"
  | "left"
  | "kicked"
  | "room_closed"
  | "replaced"
  | "protocol_error"
  | "stream_not_yours"
  | "subprotocol_unsupported"
  | "too_large"
  | "banned"
  | "stay_over"
  | "declined";

/** What a close code of the relay says. */
export interface Close {
  /** For programs and logs. */
  readonly reason: CloseReason;
  /** What to do then. */
  readonly next: Next;
}

/** The close codes of this version; the range decides for those of later ones. */
export const CLOSES: Readonly<Record<number, Close>> = {
  /** The relay is shutting down. */
  4000: { reason: "closing", next: "now" },
  /** Fell behind on a `reliable` stream, the room's events or the answers. */
  4001: { reason: "slow", next: "now" },
  /** Nothing was received. */
  4002: { reason: "dead", next: "now" },
  /** The peer accepted nothing. */
  4003: { reason: "write_timeout", next: "now" },
  /** No connection is left for the relay, the app or the address. */
  4100: { reason: "connections_exceeded", next: "later" },
  /** No login in time. */
  4101: { reason: "login_timeout", next: "later" },
  /** `room_members_max`. */
  4102: { reason: "room_full", next: "later" },
  /** Too many requests, after notices; too many logins with one token or from one address; too many refused ones from it. */
  4103: { reason: "rate_exceeded", next: "later" },
  /** `caps.members_max` of the role. */
  4104: { reason: "role_full", next: "later" },
  /** The user has as many seats in the room as `second_login` allows. */
  4105: { reason: "seat_held", next: "later" },
  /** The use of a `once` token cannot be stored now; the token was not used. */
  4106: { reason: "store_unavailable", next: "later" },
  /** `memory_bytes_max`. */
  4107: { reason: "memory_exceeded", next: "later" },
  /** Not a token of this deployment; strangers see no more. */
  4200: { reason: "token_invalid", next: "token" },
  /** At login, or in the seat. */
  4201: { reason: "token_expired", next: "token" },
  4202: { reason: "token_not_yet_valid", next: "token" },
  /** Signed but not acceptable: the answer to `login` has the code. */
  4203: { reason: "token_refused", next: "token" },
  /** The login names another room, or another user, than the token. */
  4204: { reason: "room_mismatch", next: "token" },
  /** At login, or in the seat. */
  4205: { reason: "token_revoked", next: "token" },
  /** As requested. */
  4300: { reason: "left", next: "stop" },
  /** Removed by a moderator or the API. */
  4301: { reason: "kicked", next: "stop" },
  4302: { reason: "room_closed", next: "stop" },
  /** The user logged in to the room again. */
  4303: { reason: "replaced", next: "stop" },
  /** Forbidden by RFC 6455, or a malformed data frame. */
  4304: { reason: "protocol_error", next: "stop" },
  /** A data frame with a number that is not the sender's. */
  4305: { reason: "stream_not_yours", next: "stop" },
  /** `stagedoor.v1` was not offered. */
  4306: { reason: "subprotocol_unsupported", next: "stop" },
  /** More than `control_bytes_max` or `frame_bytes_max`. */
  4307: { reason: "too_large", next: "stop" },
  /** At login, or in the seat. */
  4308: { reason: "banned", next: "stop" },
  /** The token's `max_stay` has passed. */
  4309: { reason: "stay_over", next: "stop" },
  /** Waited for admission and was not admitted. */
  4310: { reason: "declined", next: "stop" },
};

/** The wire's limits by default. */
export const LIMITS = {
  /** Bounds how long a new connection may take to send its request head, and then its login. */
  login_timeout_ms: 10000,
  /** Bounds the request head of an upgrade. */
  handshake_bytes_max: 8192,
  /** Bounds connections of the relay. */
  connections_max: 100000,
  /** Bounds seats of one app. */
  connections_per_app_max: 50000,
  /** Bounds connections from one address, or from one 64-bit network of IPv6. */
  connections_per_address_max: 1000,
  /** Bounds connections above `connections_max` that are still told why they are refused. */
  connections_told_max: 1024,
  /** Bounds members of one room. */
  room_members_max: 20000,
  /** Bounds one control message. */
  control_bytes_max: 65536,
  /** Bounds nesting depth of lists and objects in one control message. */
  json_depth_max: 64,
  /** Bounds one data frame, including its header. */
  frame_bytes_max: 1048576,
  /** Bounds `data` of one message. */
  message_bytes_max: 16384,
  /** Bounds requests per second of one connection, including `send`. */
  requests_per_s: 50,
  /** Bounds requests above the rate that one connection may make at once. */
  requests_burst: 200,
  /** Bounds bytes of control messages per second of one connection, including refused requests. */
  control_bytes_per_s: 524288,
  /** Bounds bytes above the rate that one connection may send at once. */
  control_bytes_burst: 4194304,
  /** Bounds messages per second of one connection. */
  sends_per_s: 10,
  /** Bounds messages above the rate that one connection may send at once. */
  sends_burst: 20,
  /** Bounds requests refused for their rate, beyond the executed ones, before the connection is closed. */
  rate_refusals_max: 500,
  /** Bounds logins per second with one token. */
  logins_per_s: 5,
  /** Bounds logins with one token that may be made at once above the rate. */
  logins_burst: 50,
  /** Bounds logins per second from one address; refused ones are counted separately. */
  address_logins_per_s: 100,
  /** Bounds logins from one address that may be made at once above the rate. */
  address_logins_burst: 2000,
  /** Bounds refused logins per second from one address; above it, its tokens are not looked at. */
  login_refusals_per_s: 5,
  /** Bounds refused logins from one address that may be made at once above the rate. */
  login_refusals_burst: 50,
  /** Bounds live streams of one room. */
  streams_per_room_max: 1000,
  /** Bounds `meta` of a stream. */
  stream_meta_bytes_max: 1024,
  /** Bounds patterns that one member subscribes to. */
  subscriptions_per_member_max: 2000,
  /** Bounds keys of a room's state. */
  state_keys_max: 256,
  /** Bounds one value of a room's state. */
  state_value_bytes_max: 16384,
  /** Bounds frames that one stream keeps for slow readers, in bytes. */
  stream_log_bytes_max: 4194304,
  /** Bounds frames that one stream keeps for slow readers, by age. */
  stream_log_age_ms_max: 5000,
  /** Bounds frames that all streams of a room keep, in bytes; each stream has an equal share. */
  room_log_bytes_max: 67108864,
  /** Bounds events that a room keeps for each view of it, in bytes. */
  events_log_bytes_max: 262144,
  /** Bounds events that a room keeps for each view of it, by age. */
  events_log_age_ms_max: 60000,
  /** Bounds memory of the process above which new rooms, seats and streams are refused with `memory_exceeded`; 0: three quarters of the memory of the machine or its container. */
  memory_bytes_max: 0,
  /** Bounds answers and messages to one member waiting to be written. */
  outbox_bytes_max: 262144,
  /** Bounds what one connection reads from the logs at a time. */
  gather_bytes_max: 262144,
  /** Bounds joins and leaves are announced at most this often. */
  presence_batch_interval_ms: 250,
  /** Bounds joins and leaves announced at a time. */
  presence_batch_members_max: 100,
  /** Bounds members in the answer to `login` and in one page of `members`. */
  members_page_max: 100,
  /** Bounds members, streams, keys of the state or requests sent at a time, in bytes; one of them always fits. */
  page_bytes_max: 32768,
  /** Bounds a connection silent for this long is pinged. */
  ping_interval_ms: 15000,
  /** Bounds how long the peer may then take to send anything. */
  pong_timeout_ms: 10000,
  /** Bounds closes when the peer accepts nothing for this long while bytes wait. */
  write_timeout_ms: 10000,
  /** Bounds how long a closing connection may take to send its close. */
  close_timeout_ms: 2000,
  /** Bounds how long before its token expires a member is notified. */
  token_expiring_notice_s: 30,
  /** Bounds over how long the closes are spread when the relay shuts down. */
  drain_grace_ms: 10000,
  /** Bounds how long overrides by moderators and the API are kept after the room's last member left. */
  standing_keep_ms: 300000,
  /** Bounds members of a room that ask for a role at once; those who wait for admission do not count. */
  asks_max: 1000,
  /** Bounds members that one request admits. */
  admits_at_once_max: 1000,
  /** Bounds the kernel's send buffer of a connection; 0 leaves it to the kernel. */
  socket_send_buffer_bytes: 262144,
  /** Bounds the publisher of a stream gets at most one `keyframe_wanted` in this time. */
  keyframe_interval_ms: 500,
  /** Bounds how old the newest keyframe may be for a reader that begins. */
  keyframe_fresh_ms: 1000,
  /** Bounds how long a stream counts as watched after its last reader left. */
  watched_linger_ms: 2000,
  /** Bounds how far behind a subscriber of a `media` stream may be. */
  media_behind_ms_max: 1500,
  /** Bounds what the kernel holds unsent for a connection that reads `media`, beyond what it sends in one piece; 0 leaves it to the kernel. */
  socket_unsent_bytes: 16384,
} as const;

/** The default of `token_bytes_max`: bounds the whole token. */
export const TOKEN_BYTES_MAX = 4096;

/** The default of `room_bytes_max`: bounds `room`. */
export const ROOM_BYTES_MAX = 128;

/** The default of `user_bytes_max`: bounds `sub`. */
export const USER_BYTES_MAX = 64;

/** The default of `name_bytes_max`: bounds `name`. */
export const NAME_BYTES_MAX = 128;

/** The default of `meta_bytes_max`: bounds `meta`. */
export const META_BYTES_MAX = 1024;

/** The default of `jti_bytes_max`: bounds `jti`. */
export const JTI_BYTES_MAX = 64;

/** The default of `leeway_s`: bounds how far `iat` and `nbf` may be in the future. */
export const LEEWAY_S = 10;

/** The default of `ttl_s_max`: bounds `exp` minus `iat`. */
export const TTL_S_MAX = 86400;

/** The default of `grace_s_max`: bounds `grace` of `at_exp`. */
export const GRACE_S_MAX = 300;

/** Version of the wire. */
export const SUBPROTOCOL = "stagedoor.v1";
