// Every case of spec/vectors/credentials/secrets.json makes the key that is written there, or none.

import { expect, test } from "vitest";
import { Key, Keys, mint, TokenFault, verify } from "../../src/token/index.ts";
import { secretOf } from "../../src/token/secret.ts";
import { vectors } from "../vectors.ts";

interface Case {
  readonly name: string;
  readonly expect: "ok" | "form" | "check";
  readonly secret_hex?: string;
  readonly parts: readonly string[];
}

const cases = vectors<{ cases: readonly Case[] }>("credentials", "secrets.json").flatMap(file => file.cases);

test.each(cases)("$name", ({ expect: expected, secret_hex, parts }) => {
  const bytes = secretOf(parts.join(""));
  const hex = bytes && [...bytes].map(byte => byte.toString(16).padStart(2, "0")).join("");
  expect(hex).toBe(expected === "ok" ? secret_hex : undefined);
});

test("both spellings of a secret make the same key", async () => {
  const [raw, checked] = ["ones, raw", "ones"].map(name =>
    cases.find(one => one.name === `a secret of ${name}`)?.parts.join(""),
  );
  const key = (secret = "") => Key.hs256({ app: 7, kid: "k_1", secret });
  const token = await mint(await key(checked), { room: "lobby", sub: "ann", role: "host" });
  expect(await verify(token, new Keys([await key(raw)]))).toMatchObject({ room: "lobby" });
});

test("a mistyped secret is refused", async () => {
  const mistyped = cases.find(one => one.expect === "check")?.parts.join("") ?? "";
  const made = Key.hs256({ app: 7, kid: "k_1", secret: mistyped });
  await expect(made).rejects.toThrow(TokenFault);
  await expect(made).rejects.toMatchObject({ code: "key_invalid", field: "secret" });
});
