// Every case of spec/vectors/roles gives the rule, and every fault the field, that is written there.

import { expect, test } from "vitest";
import {
  type Action,
  authorize,
  type Grants,
  type Narrowing,
  narrow,
  type Template,
  TokenFault,
} from "../../src/token/index.ts";
import { vectors } from "../vectors.ts";

interface Case {
  readonly name: string;
  readonly role?: string;
  readonly template?: unknown;
  readonly narrowing?: Narrowing;
  readonly action?: Record<string, unknown>;
  readonly expect: string;
  readonly rule?: string;
  readonly field?: string;
}

interface File {
  readonly roles: readonly Grants[];
  readonly cases: readonly Case[];
}

const files = vectors<File>("roles");

function builtIn(name: unknown): Grants {
  const role = files[0]?.roles.find(one => one.role === name);
  if (!role) throw new Error(`no role ${name}`);
  return role;
}

/** An action of the vectors in the words of this package. */
function actionOf({ narrowing, member, ...words }: Record<string, unknown>): Action {
  const camel = (text: string): string => text.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const fields = Object.entries(words).filter(([, value]) => value !== null);
  const named = Object.fromEntries(fields.map(([name, value]) => [camel(name), value]));
  const seen =
    member === undefined ? {} : { member: narrow(builtIn(member), (narrowing ?? {}) as Narrowing) };
  return { ...named, do: camel(words["do"] as string), ...seen } as unknown as Action;
}

function outcome(one: Case): { expect: string; rule: string | undefined; field: string | undefined } {
  try {
    const role = one.role === undefined ? (one.template as Template) : builtIn(one.role);
    const grants = narrow(role, one.narrowing);
    if (!one.action) return { expect: "narrows", rule: undefined, field: undefined };
    const decision = authorize(grants, actionOf(one.action));
    return { expect: decision.ok ? "allowed" : decision.rule, rule: undefined, field: undefined };
  } catch (fault) {
    if (!(fault instanceof TokenFault)) throw fault;
    const { code, rule, field } = fault;
    return {
      expect: code === "roles_invalid" ? "template_invalid" : code,
      rule,
      field: field?.replace(/^grants\./, ""),
    };
  }
}

test("every action gives its rule, and every fault its field", () => {
  const cases = files.flatMap(file => file.cases);
  for (const one of cases) {
    expect(outcome(one), one.name).toEqual({ expect: one.expect, rule: one.rule, field: one.field });
  }
  expect(cases.length).toBeGreaterThanOrEqual(400);
});

test("a template with every field is its own grants", () => {
  for (const role of files[0]?.roles ?? []) expect(narrow(role)).toEqual(role);
});

test("a template that names nothing grants nothing", () => {
  const nothing = narrow({ role: "ghost" });
  expect(nothing).toMatchObject({
    role: "ghost",
    rank: 0,
    publish: { streams: [], kinds: [], streams_max: 0 },
  });
  expect(nothing).toMatchObject({ send: { room: false, roles: [], users: [] }, waits: false, caps: {} });
  expect(nothing).not.toHaveProperty("second_login");
});

test("a refusal has the code of its rule", () => {
  for (const one of files.flatMap(file => file.cases)) {
    if (!one.action || one.role === undefined) continue;
    const decision = authorize(narrow(builtIn(one.role), one.narrowing), actionOf(one.action));
    if (decision.ok) continue;
    const section = decision.rule.replace(/^rank$/, "moderate").split(".")[0];
    expect(decision.code, one.name).toBe(`${section}_denied`);
  }
});

test("narrowing leaves what it does not name, and the role itself, as they were", () => {
  const speaker = builtIn("speaker");
  const before = structuredClone(speaker);
  const grants = narrow(speaker, { publish: { kinds: ["audio"] }, caps: { bytes_per_s: 9 } });
  expect(grants).toEqual({
    ...before,
    publish: { ...before.publish, kinds: ["audio"] },
    caps: { bytes_per_s: 9 },
  });
  expect(speaker).toEqual(before);
});
