// The tables of spec/wire.md as TypeScript. A field has the type of the row that names its place, else of the row
// that names none. Writes types; knows no values.

import { listed, type Named, quoted, quotedOne, table } from "./tables.ts";

type Family = "requests" | "answers" | "events" | "objects";

interface Row {
  readonly type: string;
  readonly places: readonly string[];
  readonly what: string;
}

const PLAIN: Readonly<Record<string, string>> = {
  bool: "boolean",
  u16: "number",
  u32: "number",
  u64: "number",
  text: "string",
  name: "string",
  pattern: "string",
  key: "string",
  json: "unknown",
  grants: "Grants",
};

/** Requests, answers, events and objects of the wire. */
export function wireTypes(wire: string): string {
  const rows = fieldRows(wire);
  const objects = table(wire, "| object | fields |").map(([name, fields]) => ({
    name: quotedOne(name),
    fields: listed(fields),
  }));
  const known = new Set(objects.map(object => object.name));
  const members = (family: Family, place: string, fields: readonly Named[], indent: string): string =>
    fields
      .map(field => {
        const { type, what } = rowOf(rows, field.name, family, place);
        const typed = place === "error" && field.name === "code" ? "Code" : typeOf(type, known);
        const written = `${field.name}${field.optional ? "?" : ""}: ${typed}`;
        return `${indent}/** ${sentence(what || type)} */\n${indent}readonly ${written};\n`;
      })
      .join("");
  const map = (
    name: string,
    doc: string,
    family: Family,
    of: readonly (readonly [string, string])[],
  ): string => {
    const entries = of.map(([place, cell]) => {
      const fields = listed(cell);
      const body = fields.length > 0 ? `{\n${members(family, place, fields, "    ")}  }` : "Empty";
      return `  /** \`${place}\` */\n  readonly ${place}: ${body};\n`;
    });
    return `/** ${doc} */\nexport interface ${name} {\n${entries.join("")}}\n`;
  };
  const requests = table(wire, "| op | fields | ok |");
  const events = table(wire, "| ev | fields |");
  return [
    "/** An object without a field. */\nexport type Empty = Readonly<Record<never, never>>;\n",
    words(wire),
    ...objects.map(
      ({ name, fields }) =>
        `/** \`${name}\` of the wire. */\nexport interface ${pascal(name)} {\n${members("objects", name, fields, "  ")}}\n`,
    ),
    map(
      "Requests",
      "The fields of each request, by `op`.",
      "requests",
      requests.map(([op, f]) => [quotedOne(op), f ?? ""]),
    ),
    map(
      "Answers",
      "The `ok` of each request's answer, by `op`.",
      "answers",
      requests.map(([op, , ok]) => [quotedOne(op), ok ?? ""]),
    ),
    map(
      "Events",
      "The fields of each event, by `ev`.",
      "events",
      events.map(([ev, f]) => [quotedOne(ev), f ?? ""]),
    ),
    "/** An event, as the relay sends it. */",
    "export type WireEvent = { [Ev in keyof Events]: { readonly ev: Ev } & Events[Ev] }[keyof Events];\n",
  ].join("\n");
}

/** The types that are one of some words, and that of receivers. */
function words(wire: string): string {
  const types = table(wire, "| type | JSON |").map(([name, json]) => [quotedOne(name), json ?? ""] as const);
  return types
    .filter(([name]) => !(name in PLAIN))
    .map(([name, json]) => {
      const of = quoted(json).map(word =>
        word.replace(/text/g, "string").replace("{", "{ readonly ").replace("}", " }"),
      );
      const union = of
        .map(word => word.replace(/^\{ readonly "(\w+)":(\w+) \}$/, "{ readonly $1: $2 }"))
        .join(" | ");
      return `/** \`${name}\` of the wire. */\nexport type ${pascal(name)} = ${union};\n`;
    })
    .join("\n");
}

function fieldRows(wire: string): Map<string, Row[]> {
  const rows = new Map<string, Row[]>();
  for (const [field, type, where, what] of table(wire, "| field | type | where | what |")) {
    const row = {
      type: quotedOne(type),
      places: (where ?? "").split(", ").filter(Boolean),
      what: what ?? "",
    };
    const name = quotedOne(field);
    rows.set(name, [...(rows.get(name) ?? []), row]);
  }
  return rows;
}

function rowOf(rows: Map<string, Row[]>, field: string, family: Family, place: string): Row {
  const all = rows.get(field) ?? [];
  const isHere = (word: string): boolean =>
    word.startsWith("answer to ")
      ? family === "answers" && word === `answer to \`${place}\``
      : word === family || (family !== "answers" && word === `\`${place}\``);
  const named = all.filter(row => row.places.some(isHere));
  const found = named.length > 0 ? named : all.filter(row => row.places.length === 0);
  const [row] = found;
  if (row === undefined || found.length > 1) {
    throw new Error(`\`${field}\` of ${family} \`${place}\` has ${found.length} types in spec/wire.md`);
  }
  return row;
}

function typeOf(type: string, objects: ReadonlySet<string>): string {
  const item = /^\[(\w+)\]$/.exec(type)?.[1];
  if (item !== undefined) return `readonly ${typeOf(item, objects)}[]`;
  return PLAIN[type] ?? pascal(type);
}

/** A word's name as a type; `error` is the language's own. */
function pascal(word: string): string {
  return word === "error" ? "WireError" : word.charAt(0).toUpperCase() + word.slice(1);
}

function sentence(text: string): string {
  const section = /^"(.+)"$/.exec(text)?.[1];
  const whole =
    section === undefined ? text.charAt(0).toUpperCase() + text.slice(1) : `See spec/wire.md, ${section}`;
  return whole.endsWith(".") ? whole : `${whole}.`;
}
