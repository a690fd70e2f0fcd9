// What a token says (spec/token.md §Claims). Types alone; `read.ts` checks them.

import type {
  Caps,
  Grants,
  PresenceGrants,
  PublishGrants,
  SendGrants,
  SubscribeGrants,
} from "../grants/grants.ts";

/**
 * The claim `grants`: each field that is given replaces the role's and must lie within it.
 *
 * ```ts
 * const audioOnly: Narrowing = { publish: { kinds: ["audio"], streams_max: 1 }, set: [] };
 * ```
 */
export interface Narrowing {
  /** What may be published. */
  readonly publish?: Partial<PublishGrants>;
  /** What may be subscribed to. */
  readonly subscribe?: Partial<SubscribeGrants>;
  /** Whom messages may go to. */
  readonly send?: Partial<SendGrants>;
  /** Patterns of keys that may be set. */
  readonly set?: Grants["set"];
  /** Verbs of moderation. */
  readonly moderate?: Grants["moderate"];
  /** Who sees whom. */
  readonly presence?: Partial<PresenceGrants>;
  /** Patterns of roles that may be asked for. */
  readonly ask?: Grants["ask"];
  /** Patterns of roles for which a token may be obtained. */
  readonly invite?: Grants["invite"];
  /** Whether the member waits until admitted. */
  readonly waits?: boolean;
  /** What a second login does. */
  readonly second_login?: NonNullable<Grants["second_login"]>;
  /** Bounds. */
  readonly caps?: Omit<Caps, "members_max">;
}

/**
 * A role's template: what it does not name grants nothing (spec/roles.md §Template).
 *
 * ```ts
 * const guest: Template = { role: "guest", rank: 5, subscribe: { streams: ["*"], from: ["host"] } };
 * ```
 */
export interface Template extends Omit<Narrowing, "caps"> {
  /** The name: 1 to 32 bytes of `[a-z0-9_-]`. */
  readonly role: string;
  /** 0 to 65535; 0 unless given. */
  readonly rank?: number;
  /** Bounds. */
  readonly caps?: Caps;
}

/**
 * What the end of a token does to a live seat; `grace` is 1 to 300 seconds.
 *
 * ```ts
 * const end: AtExp = { grace: 30 };
 * ```
 */
export type AtExp = "close" | { readonly demote: string } | { readonly grace: number };

/**
 * When single privileges end, in Unix seconds, 1 to `exp`; what is absent ends with the token.
 *
 * ```ts
 * const until: Until = { publish: Math.floor(Date.now() / 1000) + 300 };
 * ```
 */
export interface Until {
  /** Publishing. */
  readonly publish?: number;
  /** Subscribing. */
  readonly subscribe?: number;
  /** Messages. */
  readonly send?: number;
  /** The room's state. */
  readonly set?: number;
  /** Moderation. */
  readonly moderate?: number;
}

/**
 * The claims of a proven token. Times are Unix seconds.
 *
 * ```ts
 * const secondsLeft = ({ exp }: Claims): number => exp - Date.now() / 1000;
 * ```
 */
export interface Claims {
  /** The AppID. */
  readonly app: number;
  /** The one room that the token opens, 1 to 128 bytes. */
  readonly room: string;
  /** The user id, 1 to 64 bytes. */
  readonly sub: string;
  /** A role of the app. */
  readonly role: string;
  /** Narrows the role. */
  readonly grants?: Narrowing;
  /** Issued at. */
  readonly iat: number;
  /** Not before. */
  readonly nbf: number;
  /** The token is not good at this second any more. */
  readonly exp: number;
  /** The token's id, 1 to 64 visible ASCII characters. */
  readonly jti: string;
  /** Shown to others, at most 128 bytes. */
  readonly name?: string;
  /** Shown to others, at most 1024 bytes; means nothing here. */
  readonly meta?: string;
  /** The app's revocation generation when the token was minted; a bigint from 2^53 on. */
  readonly gen?: number | bigint;
  /** Whether the token logs in once. */
  readonly once?: boolean;
  /** What the end of the token does to a live seat; absent: `close`. */
  readonly at_exp?: AtExp;
  /** The longest stay in a seat, in seconds. */
  readonly max_stay?: number;
  /** When single privileges end. */
  readonly until?: Until;
  /** The thumbprint (RFC 7638) of the key that whoever logs in must prove to hold. */
  readonly cnf?: { readonly jkt: string };
}

/**
 * The claims that a token is made of: the room, the user, the role, and whatever else it should say.
 *
 * ```ts
 * const ann: NewClaims = { room: "lobby", sub: "ann", role: "speaker", name: "Ann", once: true };
 * ```
 */
export type NewClaims = Pick<Claims, "room" | "sub" | "role"> & Partial<Claims>;
