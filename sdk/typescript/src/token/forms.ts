// The forms of headers, claims, grants and templates (spec/token.md §Claims, spec/roles.md §Template). Decides nothing
// about what they mean.

import { KINDS, SECOND_LOGIN_ALLOW_MAX, VERBS } from "../grants/grants.ts";
import { isPattern, PATTERNS_MAX } from "../grants/pattern.ts";
import { GRACE_S_MAX, META_BYTES_MAX, NAME_BYTES_MAX, ROOM_BYTES_MAX, USER_BYTES_MAX } from "../spec.ts";
import { decode, utf8 } from "./base64url.ts";
import { member } from "./fault.ts";
import { be, choice, type Fields, type Form, firstOf, integer, list, object, oneOf, word } from "./form.ts";
import { type Json, plain, U64_MAX } from "./json.ts";

const U32_MAX = 0xffff_ffff;

const any: Form = () => undefined;
const text = word(() => true, "text");
const flag = be(value => typeof value === "boolean", "true or false", false);
const u32 = integer(0, U32_MAX);
const u64 = integer(0, U64_MAX);
const cap = integer(1, U32_MAX);
const bytes = (value: Json): number => utf8(value as string).length;
const patterns = list(word(isPattern, "a name, or a prefix and one `*`"), PATTERNS_MAX);

/** The name of a role. */
export const ROLE: Form = word(name => /^[a-z0-9_-]{1,32}$/.test(name), "1 to 32 bytes of [a-z0-9_-]");

/** The fields of a role that a token may narrow, and those that it may not. */
function grants(own: Fields, caps: Fields): Form {
  const fields = {
    ...own,
    publish: object({ streams: patterns, kinds: list(oneOf(KINDS), Infinity), streams_max: u32 }),
    subscribe: object({ streams: patterns, from: patterns }),
    send: object({ room: flag, roles: patterns, users: patterns }),
    set: patterns,
    moderate: list(oneOf(VERBS), Infinity),
    presence: object({ sees: patterns, seen_by: patterns }),
    ask: patterns,
    invite: patterns,
    waits: flag,
    second_login: choice(["replace", "reject"], { allow: integer(2, SECOND_LOGIN_ALLOW_MAX) }),
    caps: object({ ...caps, messages_per_s: cap, bytes_per_s: cap, frame_bytes_max: cap }),
  };
  return object(fields, Object.keys(own).slice(0, 1));
}

/** The claim `grants` (spec/roles.md §Narrowing). */
export const GRANTS: Form = grants({}, {});

/** A role's template (spec/roles.md §Template). */
export const TEMPLATE: Form = grants({ role: ROLE, rank: integer(0, 0xffff) }, { members_max: cap });

const ENDS = ["publish", "subscribe", "send", "set", "moderate"];

const UNTIL = object(Object.fromEntries(ENDS.map(name => [name, u64])));

function clean(bytesMax: number, not = /\p{Cc}/u): Form {
  return be(
    value => bytes(value) <= bytesMax && !not.test(value as string),
    `clean text of at most ${bytesMax} bytes`,
  );
}

/** The text of a room or a user: neither empty, nor what a URL takes for another. */
const NO_NAME = /\p{Cc}|^\.{0,2}$/u;

/** The values of single claims, in the order in which they are looked at; each is of its type already. */
export function valuesOf(exp: number | bigint): Fields {
  // Of several ends that are out of bounds the first in the order of the specification is told.
  const within: Form = (value, at) => {
    const until = plain(value) as Record<string, Json>;
    const isIn = integer(1, exp);
    return firstOf(ENDS, name => (name in until ? isIn(until[name] as Json, member(at, name)) : undefined));
  };
  return {
    room: clean(ROOM_BYTES_MAX, NO_NAME),
    sub: clean(USER_BYTES_MAX, NO_NAME),
    role: ROLE,
    jti: word(jti => /^[!-~]{1,64}$/.test(jti), "1 to 64 visible ASCII characters"),
    name: clean(NAME_BYTES_MAX),
    meta: clean(META_BYTES_MAX, /(?!)/),
    grants: GRANTS,
    at_exp: choice(["close"], { demote: ROLE, grace: integer(1, GRACE_S_MAX) }),
    max_stay: cap,
    until: (value, at) => UNTIL(value, at) ?? within(value, at),
    // RFC 7638.
    cnf: object({ jkt: word(key => decode(key)?.length === 32, "32 bytes in base64url") }, ["jkt"]),
  };
}

/** A token's header. */
export const HEADER: Form = object({ alg: text, typ: oneOf(["JWT"]), kid: text, crit: any }, ["alg", "kid"]);

/** The claims that every token has, in the order in which they are missed. */
export const REQUIRED: readonly string[] = ["app", "room", "sub", "role", "iat", "nbf", "exp", "jti"];

const CLAIM_FORMS: Fields = {
  app: u32,
  room: text,
  sub: text,
  role: text,
  grants: any,
  iat: u64,
  nbf: u64,
  exp: u64,
  jti: text,
  name: text,
  meta: text,
  gen: u64,
  once: flag,
  at_exp: any,
  max_stay: u64,
  until: any,
  cnf: any,
  iss: text,
};

/** The claims, in the order of a minted token. */
export const CLAIM_NAMES: readonly string[] = Object.keys(CLAIM_FORMS);

/** The claims together; others are found later, when all that are required are there. */
export const CLAIMS: Form = object(CLAIM_FORMS, [], any);
