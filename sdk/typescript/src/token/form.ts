// What a form of JSON is, what forms are built from, and the first place, as written, at which a value is not of one
// (spec/token.md §Fields). Knows no claim and no grant.

import { element, type FaultCode, member, TokenFault } from "./fault.ts";
import { isObject, type Json } from "./json.ts";

/** A place that is not of its form, and what is wrong with it. */
interface Flaw {
  readonly field: string;
  readonly what: string;
}

/** The fields of an object, in the order of the specification. */
export type Fields = Readonly<Record<string, Form>>;

/** Finds the first flaw of a value. */
export interface Form {
  (value: Json, at: string): Flaw | undefined;
  /** The fields, of an object. */
  readonly fields?: Fields;
  /** What an absent field of a template says. */
  readonly empty?: unknown;
}

/** Throws a `TokenFault` where a value is not of a form; one that is absent is. */
export function check(form: Form, value: Json | undefined, code: FaultCode, at = ""): void {
  const flaw = value === undefined ? undefined : form(value, at);
  if (flaw) throw new TokenFault(code, flaw.what, flaw.field);
}

/** A value of which something holds. */
export function be(is: (value: Json) => boolean, what: string, empty?: unknown): Form {
  return Object.assign(
    (value: Json, field: string) => (is(value) ? undefined : { field, what: `must be ${what}` }),
    { empty },
  );
}

/** A text of which something holds. */
export function word(is: (text: string) => boolean, what: string): Form {
  return be(value => typeof value === "string" && is(value), what);
}

/** One of some words. */
export function oneOf(words: readonly string[]): Form {
  return word(text => words.includes(text), `one of ${words}`);
}

/** An unsigned integer within bounds; absent from a template it is 0, where that is one. */
export function integer(min: number, max: number | bigint): Form {
  const isIn = (value: Json): boolean =>
    /num|big/.test(typeof value) && (value as number) >= min && (value as number) <= max;
  return be(isIn, `an integer, ${min} to ${max}`, min === 0 ? 0 : undefined);
}

/** The first flaw that some items have. */
export function firstOf<T>(items: Iterable<T>, flawOf: (item: T) => Flaw | undefined): Flaw | undefined {
  for (const item of items) {
    const flaw = flawOf(item);
    if (flaw) return flaw;
  }
  return undefined;
}

/** A list of at most so many items; each item is looked at before their number. */
export function list(of: Form, itemsMax: number): Form {
  const form: Form = (value, at) => {
    if (!Array.isArray(value)) return { field: at, what: "must be a list" };
    const flaw = firstOf(value.entries(), ([index, item]) => of(item, element(at, index)));
    return (
      flaw ??
      (value.length > itemsMax ? { field: at, what: `must be a list of at most ${itemsMax}` } : undefined)
    );
  };
  return Object.assign(form, { empty: [] });
}

/** An object of these fields. */
export function object(fields: Fields, required: readonly string[] = [], others: Form = unknown): Form {
  const form: Form = (value, at) => {
    if (!isObject(value)) return { field: at, what: "must be an object" };
    const seen = new Set<string>();
    const flaw = firstOf(value.members, ([name, one]) => {
      const field = member(at, name);
      if (seen.has(name)) return { field, what: "is given twice" };
      seen.add(name);
      return ((Object.hasOwn(fields, name) && fields[name]) || others)(one, field);
    });
    const missing = required.find(name => !seen.has(name));
    return flaw ?? (missing ? { field: member(at, missing), what: "is missing" } : undefined);
  };
  return Object.assign(form, { fields });
}

/** One of some words, or an object of exactly one of some members. */
export function choice(words: readonly string[], members: Fields): Form {
  const whole = be(value => words.includes(value as string), `one of ${[...words, ...Object.keys(members)]}`);
  return (value, at) => {
    const [[name, one] = ["", null], more] = isObject(value) ? value.members : [];
    const form = !more && Object.hasOwn(members, name) && members[name];
    return form ? form(one, member(at, name)) : whole(value, at);
  };
}

const unknown: Form = (_, field) => ({ field, what: "is unknown" });
