// How the claims of a token are read (spec/token.md §Order of the checks, 4 to 6). Yields them only when everything
// in them is in order; never decides whether a role allows what they say.

import { TOKEN_LIMITS as LIMITS, type TokenCode } from "../spec.ts";
import { utf8 } from "./base64url.ts";
import type { Claims } from "./claims.ts";
import { member, must, TokenFault } from "./fault.ts";
import {
  AT_EXP,
  CLAIM_NAMES,
  CLAIMS,
  CNF,
  ENDS,
  type Form,
  GRANTS,
  isRoleName,
  REQUIRED,
  UNTIL,
} from "./form.ts";
import { type Json, type Members, plain, readObject, write } from "./json.ts";

type Integer = number | bigint;

/** What the checks of single claims see: those that are there, each of its type. */
interface Said extends Record<string, unknown> {
  readonly app: Integer;
  readonly room: string;
  readonly sub: string;
  readonly role: string;
  readonly iat: Integer;
  readonly nbf: Integer;
  readonly exp: Integer;
  readonly jti: string;
  readonly name?: string;
  readonly meta?: string;
  readonly max_stay?: Integer;
}

/** Reads claims that a key of `app` has signed. Without `now` the time of the day is left aside. */
export function read(text: string | undefined, app: number, now?: Integer): Claims {
  const json = readObject(text);
  must(json, "claims_malformed", "the claims are not one JSON object");
  check(CLAIMS, json, "claims_malformed", "");
  const names = json.members.map(([name]) => name);
  for (const name of REQUIRED) must(names.includes(name), "claim_missing", "is missing", name);
  for (const name of names) {
    must(CLAIM_NAMES.includes(name), "claim_unknown", "is no claim, or a mistyped one", member("", name));
  }
  // Names that come twice inside a claim are refused by its form, before anything of it is looked at.
  const said = plain(json) as Said;
  must(said.app === app, "app_mismatch", "is not the app of the key that signed", "app");
  checkTexts(said);
  checkStay(json, said);
  const { iat, nbf, exp } = said;
  must(exp > iat && exp > nbf, "times_invalid", "must be after `iat` and `nbf`", "exp");
  const life = BigInt(exp) - BigInt(iat);
  must(life <= LIMITS.ttl_s_max, "lifetime_too_long", `is over ${LIMITS.ttl_s_max} s after \`iat\``, "exp");
  if (now !== undefined) checkNow(said, now);
  return tidied(said);
}

function check(form: Form, value: Json | undefined, code: TokenCode, at: string): void {
  const flaw = value === undefined ? undefined : form(value, at);
  if (flaw) throw new TokenFault(code, flaw.what, flaw.field);
}

function checkTexts({ room, sub, role, jti, name = "", meta = "" }: Said): void {
  const clean = (text: string, bytesMax: number, bytesMin = 0): boolean =>
    utf8(text).length <= bytesMax && utf8(text).length >= bytesMin && !/\p{Cc}|^\.\.?$/u.test(text);
  const text = (max: number): string => `must be clean text of at most ${max} bytes`;
  must(clean(room, LIMITS.room_bytes_max, 1), "room_invalid", text(LIMITS.room_bytes_max), "room");
  must(clean(sub, LIMITS.user_bytes_max, 1), "user_invalid", text(LIMITS.user_bytes_max), "sub");
  must(isRoleName(role), "role_invalid", "must be 1 to 32 bytes of [a-z0-9_-]", "role");
  must(/^[!-~]{1,64}$/.test(jti), "jti_invalid", "must be 1 to 64 visible ASCII characters", "jti");
  // A dot is a fine name, if not of a room.
  must(clean(`${name} `, LIMITS.name_bytes_max + 1), "name_invalid", text(LIMITS.name_bytes_max), "name");
  must(utf8(meta).length <= LIMITS.meta_bytes_max, "meta_invalid", text(LIMITS.meta_bytes_max), "meta");
}

function checkStay({ members }: Members, { exp, max_stay = 1, ...said }: Said): void {
  const form = (name: string, form: Form): void =>
    check(form, members.find(([other]) => other === name)?.[1], `${name}_invalid` as TokenCode, name);
  form("grants", GRANTS);
  form("at_exp", AT_EXP);
  const { grace = 1 } = Object(said["at_exp"]) as { grace?: number };
  const isGrace = grace >= 1 && grace <= LIMITS.grace_s_max;
  must(isGrace, "at_exp_invalid", `must be 1 to ${LIMITS.grace_s_max} seconds`, "at_exp.grace");
  must(
    max_stay >= 1 && max_stay <= 0xffff_ffff,
    "max_stay_invalid",
    "must be 1 to 4294967295 seconds",
    "max_stay",
  );
  form("until", UNTIL);
  const until = Object(said["until"]) as Record<string, Integer>;
  for (const name of ENDS) {
    const end = until[name];
    must(
      end === undefined || (end >= 1 && end <= exp),
      "until_invalid",
      "must be 1 to `exp`",
      `until.${name}`,
    );
  }
  form("cnf", CNF);
}

/** Leeway is given to the beginning alone: a token is never good at its `exp` or after. */
function checkNow({ iat, nbf, exp }: Said, now: Integer): void {
  must(now < exp, "token_expired", "has passed: the token has expired", "exp");
  const latest = BigInt(now) + BigInt(LIMITS.leeway_s);
  const field = nbf > latest ? "nbf" : "iat";
  must(
    nbf <= latest && iat <= latest,
    "token_not_yet_valid",
    "lies in the future; are both clocks right?",
    field,
  );
}

/** Claims in the order of the specification, without those that only state a default, and without `iss`. */
function tidied(said: Said): Claims {
  const isEmpty = (value: unknown): boolean => write(value) === "{}";
  const kept = CLAIM_NAMES.map(name => {
    const value = said[name];
    const grants = (): object =>
      Object.fromEntries(Object.entries(Object(value)).filter(([, one]) => !isEmpty(one)));
    return [name, name === "grants" && value ? grants() : value] as const;
  });
  const says = ([name, value]: readonly [string, unknown]): boolean =>
    value !== undefined &&
    value !== false &&
    name !== "iss" &&
    !(name === "at_exp" && value === "close") &&
    !(name === "until" && isEmpty(value));
  return Object.fromEntries(kept.filter(says)) as unknown as Claims;
}
