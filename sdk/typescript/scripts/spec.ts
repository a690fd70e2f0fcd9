// Writes src/spec.ts from spec/*.md; with `--check` says whether it is what they make. Run by Node itself:
// `node scripts/spec.ts`. Never changes the specification.

import { readFileSync, writeFileSync } from "node:fs";
import { quoted, quotedOne, table } from "./tables.ts";
import { wireTypes } from "./wire.ts";

const file = new URL("../src/spec.ts", import.meta.url);
const spec = (name: string): string =>
  readFileSync(new URL(`../../../spec/${name}.md`, import.meta.url), "utf8");

function union(name: string, doc: string, words: readonly string[]): string {
  return `/** ${doc} */\nexport type ${name} =\n${words.map(word => `  | "${word}"`).join("\n")};\n`;
}

function limits(name: string, doc: string, text: string): string {
  const rows = table(text, "| name | default | bounds |").map(
    ([limit, value, bounds]) => `  /** Bounds ${bounds}. */\n  ${quotedOne(limit)}: ${value},\n`,
  );
  return `/** ${doc} */\nexport const ${name} = {\n${rows.join("")}} as const;\n`;
}

function written(): string {
  const [wire, token, roles, codes] = [spec("wire"), spec("token"), spec("roles"), spec("codes")];
  const closes = table(wire, "| code | reason | next | meaning |");
  const refusals = table(token, "| code | public code | when |");
  const rules = table(roles, "| rule | code |");
  const onTheWire = table(codes, "| code | where | what to change |").filter(([, where]) =>
    (where ?? "").split(", ").some(place => /^(token|login|wire|upgrade)\b/.test(place)),
  );
  const first = (rows: readonly string[][]): string[] => rows.map(([cell]) => quotedOne(cell));
  return [
    "// What spec/*.md says, as types and constants: requests, answers, events, codes, closes and limits. Made by\n" +
      "// scripts/spec.ts; do not edit. Decides nothing.\n",
    'import type { Grants } from "./grants/grants.ts";\n',
    wireTypes(wire),
    union("KnownCode", "The codes of this version's refusals.", first(onTheWire)),
    "/** A code of a refusal. Later versions may have more, so branch with a default. */",
    "export type Code = KnownCode | (string & {});\n",
    union(
      "TokenCode",
      "The exact codes of refused tokens, for holders of the key (spec/token.md).",
      first(refusals),
    ),
    union("Rule", "The rules of the grants (spec/roles.md).", first(rules)),
    union(
      "CloseReason",
      "The reasons of the close codes.",
      closes.map(([, reason]) => quotedOne(reason)),
    ),
    "/** What a close code of the relay says. */",
    "export interface Close {\n  /** For programs and logs. */\n  readonly reason: CloseReason;",
    "  /** What to do then. */\n  readonly next: Next;\n}\n",
    "/** The close codes of this version; the range decides for those of later ones. */",
    "export const CLOSES: Readonly<Record<number, Close>> = {",
    ...closes.map(
      ([code, reason, next, meaning]) =>
        `  ${meaning ? `/** ${meaning.charAt(0).toUpperCase()}${meaning.slice(1)}. */\n  ` : ""}${code}: { reason: "${quotedOne(reason)}", next: "${next}" },`,
    ),
    "};\n",
    limits("LIMITS", "The wire's limits by default.", wire),
    ...table(token, "| name | default | bounds |").map(
      ([limit, value, bounds]) =>
        `/** The default of \`${quotedOne(limit)}\`: bounds ${bounds}. */\nexport const ${quotedOne(limit).toUpperCase()} = ${value};\n`,
    ),
    "/** Version of the wire. */",
    `export const SUBPROTOCOL = "${quoted(wire).find(word => /^stagedoor\.v\d+$/.test(word))}";`,
    "",
  ].join("\n");
}

const text = written();
if (!process.argv.includes("--check")) {
  writeFileSync(file, text);
} else if (readFileSync(file, "utf8") !== text) {
  process.stderr.write(
    "sdk/typescript/src/spec.ts is older than spec/: run `npm run spec -w sdk/typescript`\n",
  );
  process.exitCode = 1;
}
