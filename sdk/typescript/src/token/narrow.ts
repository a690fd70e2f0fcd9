// A role narrowed by a token becomes effective grants (spec/roles.md §Narrowing). A token never widens: what goes
// beyond the role is refused, not cut.

import { at } from "../grants/authorize.ts";
import type { Grants } from "../grants/grants.ts";
import { matches } from "../grants/pattern.ts";
import type { Rule } from "../spec.ts";
import type { Claims, Narrowing, Template } from "./claims.ts";
import { element, must } from "./fault.ts";
import { check, type Fields, type Form } from "./form.ts";
import { GRANTS, TEMPLATE } from "./forms.ts";
import { readJson, write } from "./json.ts";

/**
 * What a role grants, narrowed, with every field: what neither names grants nothing. Throws a `TokenFault`:
 * `roles_invalid` or `grants_invalid` with the place that is not of the form, or `grants_too_wide` with the field and
 * the rule where the narrowing goes beyond the role.
 *
 * ```ts
 * const guest = { role: "guest", subscribe: { streams: ["*"], from: ["host"] } };
 * narrow(guest, { subscribe: { streams: ["cam*"] } }).subscribe; // { streams: ["cam*"], from: ["host"] }
 * ```
 */
export function narrow(role: Template, grants: Narrowing = {}): Grants {
  check(TEMPLATE, readJson(write(role)) ?? null, "roles_invalid");
  check(GRANTS, readJson(write(grants)), "grants_invalid", "grants");
  const held = merged(TEMPLATE, role);
  for (const rule of rulesOf(GRANTS.fields)) {
    const wish = at(grants, rule);
    const wider = wish === undefined ? undefined : beyond(rule, wish, at(held as Grants, rule));
    must(wider === undefined, "grants_too_wide", "goes beyond the role", `grants.${wider}`, rule);
  }
  return merged(TEMPLATE, grants, role) as Grants;
}

/**
 * The effective grants of proven claims among an app's roles. Throws a `TokenFault`: `role_unknown`, `at_exp_invalid`
 * where the end would not demote, or as {@link narrow} does.
 *
 * ```ts
 * const grants = seat(await verify(token, keys), roles);
 * ```
 */
export function seat(claims: Claims, roles: readonly Template[]): Grants {
  const find = (name: string, field: string): Template => {
    const role = roles.find(one => one.role === name);
    must(role, "role_unknown", "names no role of the app", field);
    return role;
  };
  const role = find(claims.role, "role");
  const { demote } = Object(claims.at_exp) as { demote?: string };
  const isLower = demote === undefined || (find(demote, "at_exp.demote").rank ?? 0) < (role.rank ?? 0);
  must(isLower, "at_exp_invalid", "must be a role of lower rank", "at_exp.demote");
  return narrow(role, claims.grants);
}

/** For each field what the first of some objects says that says anything. */
function merged(form: Form, ...layers: readonly unknown[]): unknown {
  const { fields, empty } = form;
  if (!fields) return layers.find(layer => layer !== undefined) ?? empty;
  const entries = Object.entries(fields).map(([name, of]) => {
    return [name, merged(of, ...layers.map(layer => Object(layer)[name]))] as const;
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** The path of each field, in the order of the specification. */
function rulesOf(fields: Fields = {}): Rule[] {
  const paths = Object.entries(fields).map(([name, form]) =>
    form.fields ? Object.keys(form.fields).map(inner => `${name}.${inner}`) : name,
  );
  return paths.flat() as Rule[];
}

/** The place where a wish goes beyond what is held. */
function beyond(rule: Rule, wish: unknown, held: unknown): string | undefined {
  if (Array.isArray(wish)) {
    const index = wish.findIndex(one => !matches(held as string[], one));
    if (index < 0) return undefined;
    return rule === "publish.kinds" || rule === "moderate" ? rule : element(rule, index);
  }
  // A role without a second login leaves it to the app; a cap that it does not have bounds nothing.
  const most = held ?? (rule === "second_login" ? 0 : Infinity);
  return (rule === "waits" ? held && !wish : width(wish) > width(most)) ? rule : undefined;
}

/** A flag, a number or a second login as a number: the wider, the larger. */
function width(one: unknown): number {
  return Object(one).allow ?? (one === "reject" ? 0 : one === "replace" ? 1 : Number(one));
}
