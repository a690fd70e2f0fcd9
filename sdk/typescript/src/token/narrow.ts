// A role narrowed by a token becomes effective grants (spec/roles.md §Narrowing). A token never widens: what goes
// beyond the role is refused, not cut.

import type { Grants, SecondLogin } from "../grants/grants.ts";
import { isWithin } from "../grants/pattern.ts";
import type { Rule } from "../spec.ts";
import type { Claims, Narrowing } from "./claims.ts";
import { element, TokenFault } from "./fault.ts";
import { GRANTS } from "./form.ts";
import { readJson, write } from "./json.ts";

/** In the template's order. */
const RULES: readonly Rule[] = [
  "publish.streams",
  "publish.kinds",
  "publish.streams_max",
  "subscribe.streams",
  "subscribe.from",
  "send.room",
  "send.roles",
  "send.users",
  "set",
  "moderate",
  "presence.sees",
  "presence.seen_by",
  "ask",
  "invite",
  "waits",
  "second_login",
  "caps.messages_per_s",
  "caps.bytes_per_s",
  "caps.frame_bytes_max",
];

/**
 * The role's grants, narrowed. Throws a {@link TokenFault} with `grants_too_wide`, the field and the rule where the
 * narrowing goes beyond the role, and with `grants_invalid` where it is not of the form.
 *
 * ```ts
 * const grants = narrow(role, { publish: { kinds: ["audio"] } });
 * ```
 */
export function narrow(role: Grants, grants: Narrowing = {}): Grants {
  const flaw = GRANTS(readJson(write(grants)) ?? null, "grants");
  if (flaw) throw new TokenFault("grants_invalid", flaw.what, flaw.field);
  for (const rule of RULES) {
    const wider = beyond(rule, at(grants, rule), at(role, rule));
    if (wider) {
      const [field, what] = wider;
      throw new TokenFault(
        "grants_too_wide",
        `goes beyond the role${what}; a token may only narrow it`,
        `grants.${field}`,
        rule,
      );
    }
  }
  const narrowed: Record<string, unknown> = { ...role };
  for (const [name, wish] of Object.entries(grants)) {
    const held = narrowed[name];
    const isSection = name !== "second_login" && typeof wish === "object" && !Array.isArray(wish);
    if (wish !== undefined) narrowed[name] = isSection ? { ...(held as object), ...wish } : wish;
  }
  return narrowed as unknown as Grants;
}

/**
 * The effective grants of proven claims among an app's roles. Throws a {@link TokenFault}: `role_unknown`,
 * `at_exp_invalid` where the end would not demote, or `grants_too_wide`.
 *
 * ```ts
 * const grants = seat(await verify(token, keys), BUILT_IN_ROLES);
 * ```
 */
export function seat(claims: Claims, roles: Iterable<Grants>): Grants {
  const byName = new Map([...roles].map(role => [role.role, role]));
  const find = (name: string, field: string): Grants => {
    const role = byName.get(name);
    if (!role) throw new TokenFault("role_unknown", "names no role of the app", field);
    return role;
  };
  const role = find(claims.role, "role");
  if (typeof claims.at_exp === "object" && "demote" in claims.at_exp) {
    const weaker = find(claims.at_exp.demote, "at_exp.demote");
    if (weaker.rank >= role.rank) {
      throw new TokenFault("at_exp_invalid", "must be a role of lower rank than `role`", "at_exp.demote");
    }
  }
  return narrow(role, claims.grants);
}

/** What stands at a path of one or two names. */
function at(of: object, rule: Rule): unknown {
  return rule
    .split(".")
    .reduce<unknown>((one, name) => (one as Record<string, unknown> | undefined)?.[name], of);
}

/** Where a wish goes beyond what is held, and by which word. */
function beyond(
  rule: Rule,
  wish: unknown,
  held: unknown,
): readonly [field: string, word: string] | undefined {
  if (wish === undefined) return undefined;
  if (rule === "publish.kinds" || rule === "moderate") {
    const word = (wish as string[]).find(one => !(held as string[]).includes(one));
    return word === undefined ? undefined : [rule, ` by \`${word}\``];
  }
  if (Array.isArray(wish)) {
    const index = wish.findIndex(pattern => !isWithin(pattern, held as string[]));
    return index < 0 ? undefined : [element(rule, index), ""];
  }
  return isWider(rule, wish, held) ? [rule, ""] : undefined;
}

function isWider(rule: Rule, wish: unknown, held: unknown): boolean {
  if (rule === "second_login") {
    return width(wish as SecondLogin) > width((held as SecondLogin | undefined) ?? "reject");
  }
  if (rule === "waits") return held === true && wish === false;
  // A number above, or true where the role has false. A cap that the role does not have bounds nothing.
  return held !== undefined && Number(wish) > Number(held);
}

/** Second logins in the order of width. */
function width(one: SecondLogin): number {
  return one === "reject" ? 0 : one === "replace" ? 1 : one.allow;
}
