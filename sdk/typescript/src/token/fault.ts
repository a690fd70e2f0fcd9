// Why a token was refused, and where (spec/token.md §Refusals, §Fields). Without a word of the token's own, but the
// bounded names in its path.

import type { Rule, TokenCode } from "../spec.ts";

/**
 * What is refused: a token, with a code of spec/token.md; a token of another room than the one asked for; a template,
 * a key, or a key that may not sign.
 */
export type FaultCode = TokenCode | "room_mismatch" | "roles_invalid" | "key_invalid" | "no_current_key";

/** Before the signature is proven, whoever presents the token learns nothing else. */
const STRANGERS = "token_invalid";
const UNPROVEN = /^(token_(too|mal)|header|alg|crit|key|sig)/;

/**
 * Why a token is refused, or not made.
 *
 * ```ts
 * try {
 *   await verify(token, keys);
 * } catch (fault) {
 *   if (fault instanceof TokenFault) answer(401, fault.publicCode);
 * }
 * ```
 */
export class TokenFault extends Error {
  declare readonly name: "TokenFault";
  /** The exact code, for holders of the key. */
  declare readonly code: FaultCode;
  /** The code that whoever presented the token may learn. */
  declare readonly publicCode: FaultCode | "token_invalid";
  /** The claim that it is about, as a path such as `grants.publish.streams[1]`. */
  declare readonly field: string | undefined;
  /** The rule of the role that a narrowing goes beyond. */
  declare readonly rule: Rule | undefined;

  /** A refusal with a code; `what` says what is wrong with the field, or with the whole. */
  constructor(code: FaultCode, what: string, field?: string, rule?: Rule) {
    super(field ? `\`${field}\` ${what}` : what);
    const publicCode = UNPROVEN.test(code) ? STRANGERS : code;
    Object.assign(this, { name: "TokenFault", code, publicCode, field: field || undefined, rule });
  }
}

/** Throws a {@link TokenFault} unless something holds. */
export function must(
  holds: unknown,
  code: FaultCode,
  what: string,
  field?: string,
  rule?: Rule,
): asserts holds {
  if (!holds) throw new TokenFault(code, what, field, rule);
}

const NAME_CHARS_MAX = 32;

/** The path of a member of an object; a name that somebody invented is cut and cleaned. */
export function member(path: string, name: string): string {
  const clean =
    [...name]
      .slice(0, NAME_CHARS_MAX)
      .join("")
      .replace(/[^\w:/#@-]/gu, "?") || "?";
  return path ? `${path}.${clean}` : clean;
}

/** The path of an element of a list. */
export function element(path: string, at: number): string {
  return `${path}[${at}]`;
}
