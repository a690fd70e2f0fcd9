// The forms of claims, grants and templates, and the first place, as written, at which JSON is not of one
// (spec/token.md §Fields). Decides nothing about what a form means.

import { KINDS, SECOND_LOGIN_ALLOW_MAX, VERBS } from "../grants/grants.ts";
import { isPattern, PATTERNS_MAX } from "../grants/pattern.ts";
import { decode } from "./base64url.ts";
import { element, member } from "./fault.ts";
import { isObject, type Json } from "./json.ts";

/** A place that is not of its form, and what is wrong with it. */
export interface Flaw {
  readonly field: string;
  readonly what: string;
}

/** Finds the first flaw of a value. */
export type Form = (value: Json, at: string) => Flaw | undefined;

function must(is: (value: Json) => boolean, what: string): Form {
  return (value, field) => (is(value) ? undefined : { field, what: `must be ${what}` });
}

function word(is: (text: string) => boolean, what: string): Form {
  return must(value => typeof value === "string" && is(value), what);
}

function oneOf(words: readonly string[]): Form {
  return word(text => words.includes(text), `one of ${words.join(" ")}`);
}

function integer(min: number, max: number | bigint, what = `an integer, ${min} to ${max}`): Form {
  const isIn = (value: Json): boolean => (value as number) >= min && (value as number) <= max;
  return must(value => (typeof value === "number" || typeof value === "bigint") && isIn(value), what);
}

function list(of: Form, itemsMax = Infinity): Form {
  return (value, at) => {
    if (!Array.isArray(value)) return { field: at, what: "must be a list" };
    for (const [index, item] of value.entries()) {
      const flaw = of(item, element(at, index));
      if (flaw) return flaw;
    }
    return value.length > itemsMax ? { field: at, what: `must have at most ${itemsMax} items` } : undefined;
  };
}

/** An object of these fields; an open one may have others. */
function object(fields: Readonly<Record<string, Form>>, required: string[] = [], open = false): Form {
  const known = new Map(Object.entries(fields));
  return (value, at) => {
    if (!isObject(value)) return { field: at, what: "must be an object" };
    const seen = new Set<string>();
    for (const [name, one] of value.members) {
      const field = member(at, name);
      if (seen.has(name)) return { field, what: "is given twice" };
      seen.add(name);
      const form = known.get(name) ?? (open ? any : unknown);
      const flaw = form(one, field);
      if (flaw) return flaw;
    }
    const missing = required.find(name => !seen.has(name));
    return missing === undefined ? undefined : { field: member(at, missing), what: "is missing" };
  };
}

/** One of some words, or an object of exactly one of some members. */
function choice(words: readonly string[], members: Readonly<Record<string, Form>>, what: string): Form {
  const known = new Map(Object.entries(members));
  return (value, at) => {
    const [only, ...others] = isObject(value) ? value.members : [];
    const form = only && others.length === 0 ? known.get(only[0]) : undefined;
    if (form && only) return form(only[1], member(at, only[0]));
    return typeof value === "string" && words.includes(value)
      ? undefined
      : { field: at, what: `must be ${what}` };
  };
}

const U32_MAX = 0xffff_ffff;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

const any: Form = () => undefined;
const unknown: Form = (_, field) => ({ field, what: "has no meaning here" });
const text = must(value => typeof value === "string", "a string");
const flag = must(value => typeof value === "boolean", "true or false");
const long = integer(0, U64_MAX, "an unsigned integer, in digits alone");
const cap = integer(1, U32_MAX);
const patterns = list(
  word(isPattern, "a name of [0-9A-Za-z_.:-], or a prefix of one followed by one `*`, of at most 256 bytes"),
  PATTERNS_MAX,
);

/** Whether a text is the name of a role. */
export function isRoleName(name: string): boolean {
  return /^[a-z0-9_-]{1,32}$/.test(name);
}

const roleName = word(isRoleName, "1 to 32 bytes of [a-z0-9_-]");
const caps = { messages_per_s: cap, bytes_per_s: cap, frame_bytes_max: cap };
const sections = {
  publish: object({ streams: patterns, kinds: list(oneOf(KINDS)), streams_max: integer(0, U32_MAX) }),
  subscribe: object({ streams: patterns, from: patterns }),
  send: object({ room: flag, roles: patterns, users: patterns }),
  set: patterns,
  moderate: list(oneOf(VERBS)),
  presence: object({ sees: patterns, seen_by: patterns }),
  ask: patterns,
  invite: patterns,
  waits: flag,
  second_login: choice(
    ["replace", "reject"],
    { allow: integer(2, SECOND_LOGIN_ALLOW_MAX) },
    '`replace`, `reject` or {"allow":2 to 16}',
  ),
};

/** The claim `grants` (spec/roles.md §Narrowing). */
export const GRANTS: Form = object({ ...sections, caps: object(caps) });

/** A role's template (spec/roles.md §Template). */
export const TEMPLATE: Form = object(
  { role: roleName, rank: integer(0, 0xffff), ...sections, caps: object({ members_max: cap, ...caps }) },
  ["role"],
);

/** The claim `at_exp`. */
export const AT_EXP: Form = choice(
  ["close"],
  { demote: roleName, grace: integer(0, U32_MAX) },
  '`close`, {"demote":role} or {"grace":seconds}',
);

/** The privileges that may end before the token, in the order of the specification. */
export const ENDS: readonly string[] = ["publish", "subscribe", "send", "set", "moderate"];

/** The claim `until`. */
export const UNTIL: Form = object(Object.fromEntries(ENDS.map(name => [name, long])));

/** The claim `cnf`. */
export const CNF: Form = object(
  {
    jkt: word(
      key => decode(key)?.length === 32,
      "a SHA-256 thumbprint, 43 characters of canonical base64url",
    ),
  },
  ["jkt"],
);

const CLAIM_FORMS = {
  app: integer(0, U32_MAX),
  room: text,
  sub: text,
  role: text,
  grants: any,
  iat: long,
  nbf: long,
  exp: long,
  jti: text,
  name: text,
  meta: text,
  gen: long,
  once: flag,
  at_exp: any,
  max_stay: long,
  until: any,
  cnf: any,
  iss: text,
};

/** The claims, in the order of a minted token. */
export const CLAIM_NAMES: readonly string[] = Object.keys(CLAIM_FORMS);

/** The claims that every token has, in the order in which they are missed. */
export const REQUIRED: readonly string[] = ["app", "room", "sub", "role", "iat", "nbf", "exp", "jti"];

/** The claims together; others are found later, when all that are required are there. */
export const CLAIMS: Form = object(CLAIM_FORMS, [], true);
