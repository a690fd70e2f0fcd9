// How the claims of a token are read (spec/token.md §Order of the checks, 4 to 6). Yields them only when everything
// in them is in order; never decides whether a role allows what they say.

import { LEEWAY_S, type TokenCode, TTL_S_MAX } from "../spec.ts";
import type { Claims } from "./claims.ts";
import { member, must } from "./fault.ts";
import { check } from "./form.ts";
import { CLAIM_NAMES, CLAIMS, REQUIRED, valuesOf } from "./forms.ts";
import { type Members, plain, readObject, write } from "./json.ts";

type Integer = number | bigint;
type Times = Readonly<Record<"iat" | "nbf" | "exp", Integer>>;

/** The claims as one object, and nothing more known of them. */
export function objectOf(text: string | Uint8Array): Members {
  const json = readObject(text);
  must(json, "claims_malformed", "the claims are not one JSON object");
  return json;
}

/** Reads claims that a key of `app` has signed. Without `now` the time of the day is left aside. */
export function read(text: string | Uint8Array, app: number, now?: Integer): Claims {
  const json = objectOf(text);
  check(CLAIMS, json, "claims_malformed");
  const claims = new Map(json.members);
  for (const name of REQUIRED) must(claims.has(name), "claim_missing", "is missing", name);
  for (const name of claims.keys()) {
    must(CLAIM_NAMES.includes(name), "claim_unknown", "is no claim", member("", name));
  }
  must(claims.get("app") === app, "app_mismatch", "is not the key's app", "app");
  const said = plain(json) as Record<string, unknown> & Times;
  for (const [name, form] of Object.entries(valuesOf(said.exp))) {
    check(form, claims.get(name), `${name === "sub" ? "user" : name}_invalid` as TokenCode, name);
  }
  checkTimes(said, now);
  return tidied(said);
}

/** Leeway is given to the beginning alone: a token is never good at its `exp` or after. */
function checkTimes({ iat, nbf, exp }: Times, now?: Integer): void {
  must(exp > iat && exp > nbf, "times_invalid", "must be after `iat` and `nbf`", "exp");
  must(
    BigInt(exp) - BigInt(iat) <= TTL_S_MAX,
    "lifetime_too_long",
    `is over ${TTL_S_MAX} s after \`iat\``,
    "exp",
  );
  if (now === undefined) return;
  must(now < exp, "token_expired", "has passed", "exp");
  const latest = BigInt(now) + BigInt(LEEWAY_S);
  const early = nbf > latest ? "nbf" : "iat";
  must(
    nbf <= latest && iat <= latest,
    "token_not_yet_valid",
    "lies in the future; are both clocks right?",
    early,
  );
}

/** Claims in the order of the specification, without those that only state a default, and without `iss`. */
function tidied(said: Record<string, unknown>): Claims {
  const says = ([name, value]: [string, unknown]): boolean =>
    !/:undefined$|^iss|^once:false|^at_exp:"close"|^until:\{\}/.test(`${name}:${write(value)}`);
  const sections = Object.entries(Object(said["grants"])).filter(([, section]) => write(section) !== "{}");
  const tidy = { ...said, grants: said["grants"] && Object.fromEntries(sections) } as typeof said;
  const entries = CLAIM_NAMES.map((name): [string, unknown] => [name, tidy[name]]);
  return Object.fromEntries(entries.filter(says)) as unknown as Claims;
}
