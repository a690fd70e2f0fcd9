// Minting, verifying and inspecting as their callers see them.

import { expect, test } from "vitest";
import {
  inspect,
  type JwkOptions,
  Key,
  type KeyState,
  Keys,
  mint,
  TokenFault,
  verify,
} from "../../src/token/index.ts";

const SECRET = "6obMGjdT5B3Hq8W-6n2v34YfJtO-IQNHPusI-n_IP_I";
const ANN = { room: "lobby", sub: "ann", role: "host" };

async function faultOf(promise: Promise<unknown>): Promise<Pick<TokenFault, "code" | "field">> {
  const error: unknown = await promise.then(
    () => "no fault",
    (one: unknown) => one,
  );
  if (!(error instanceof TokenFault)) throw error;
  return { code: error.code, field: error.field };
}

test("what is absent is filled in", async () => {
  const key = await Key.hs256({ app: 7, kid: "k", secret: SECRET });
  const claims = await verify(await mint(key, ANN, { now: 1_000, ttlS: 60 }), new Keys([key]), {
    now: 1_000,
  });
  expect(claims).toMatchObject({ app: 7, ...ANN, iat: 1_000, nbf: 1_000, exp: 1_060 });
  expect(claims.jti).toMatch(/^[\w-]{22}$/);
});

test("without a time the machine's counts", async () => {
  const key = await Key.hs256({ app: 7, kid: "k", secret: SECRET });
  const claims = await verify(await mint(key, ANN), new Keys([key]));
  expect(claims.exp - claims.iat).toBe(900);
  expect(Math.abs(claims.iat - Date.now() / 1000)).toBeLessThan(5);
});

test("only a current key signs, and a retired one verifies nothing", async () => {
  const of = (state: KeyState): Promise<Key> => Key.hs256({ app: 7, kid: "k", secret: SECRET, state });
  const token = await mint(await of("current"), ANN, { now: 1_000 });
  for (const state of ["next", "retiring", "retired"] as const) {
    expect(await faultOf(mint(await of(state), ANN))).toEqual({ code: "no_current_key", field: undefined });
    const verified = verify(token, new Keys([await of(state)]), { now: 1_000 });
    if (state === "retired") expect((await faultOf(verified)).code).toBe("key_retired");
    else expect((await verified).sub).toBe("ann");
  }
});

test("what verifying would refuse is not minted", async () => {
  const key = await Key.hs256({ app: 7, kid: "k", secret: SECRET });
  const cases: [string, string | undefined, object][] = [
    ["app_mismatch", "app", { app: 8 }],
    ["room_invalid", "room", { room: ".." }],
    ["user_invalid", "sub", { sub: "u".repeat(65) }],
    ["role_invalid", "role", { role: "Host" }],
    ["jti_invalid", "jti", { jti: "t 1" }],
    ["name_invalid", "name", { name: "a\nb" }],
    ["meta_invalid", "meta", { meta: "m".repeat(1_025) }],
    ["grants_invalid", "grants.publsh", { grants: { publsh: {} } }],
    ["at_exp_invalid", "at_exp.grace", { at_exp: { grace: 301 } }],
    ["max_stay_invalid", "max_stay", { max_stay: 0 }],
    ["until_invalid", "until.send", { until: { send: 1_901 } }],
    ["cnf_invalid", "cnf.jkt", { cnf: { jkt: "short" } }],
    ["times_invalid", "exp", { exp: 1_000 }],
    ["lifetime_too_long", "exp", { exp: 87_401 }],
    ["claim_unknown", "user", { user: "ann" }],
    ["claims_malformed", "exp", { exp: 1_500.5 }],
    ["claims_malformed", undefined, { name: "half \ud800" }],
    ["token_too_large", undefined, { meta: "\u{1}".repeat(1_024) }],
  ];
  for (const [code, field, change] of cases) {
    expect(await faultOf(mint(key, { ...ANN, ...change }, { now: 1_000 })), code).toEqual({ code, field });
  }
});

test("a dot is a fine name, and empty texts are fine where one may be empty", async () => {
  const key = await Key.hs256({ app: 7, kid: "k", secret: SECRET });
  const claims = await verify(await mint(key, { ...ANN, name: ".", meta: "" }), new Keys([key]));
  expect(claims).toMatchObject({ name: ".", meta: "" });
  expect(await verify(await mint(key, { ...ANN, name: "" }), new Keys([key]))).toMatchObject({ name: "" });
});

test("a key is refused with what is wrong with it", async () => {
  const good = { app: 7, kid: "k", secret: SECRET };
  const bad = [
    { app: 1.5 },
    { app: -1 },
    { app: 2 ** 32 },
    { kid: "" },
    { kid: "a b" },
    { kid: "k".repeat(65) },
  ];
  const worse = [
    { secret: "short" },
    { secret: `${SECRET}=` },
    { secret: new Uint8Array(31) },
    { state: "old" as KeyState },
  ];
  for (const change of [...bad, ...worse]) {
    expect((await faultOf(Key.hs256({ ...good, ...change }))).code, JSON.stringify(change)).toBe(
      "key_invalid",
    );
  }
});

test("a key shows its secret to nobody, and leaves the caller's bytes alone", async () => {
  const secret = new Uint8Array(32).fill(0x41);
  const key = await Key.hs256({ app: 7, kid: "k", secret });
  expect(secret).toEqual(new Uint8Array(32).fill(0x41));
  expect(JSON.parse(JSON.stringify(key))).toEqual({ app: 7, kid: "k", state: "current", alg: "HS256" });
  expect(String(Object.values(key))).not.toContain("65,65");
});

test("inspecting proves nothing and says so", async () => {
  const key = await Key.hs256({ app: 7, kid: "k", secret: SECRET });
  const token = await mint(key, ANN, { now: 1_000 });
  const forged = `${token.slice(0, -1)}${token.endsWith("A") ? "E" : "A"}`;
  expect(inspect(forged)).toMatchObject({ proven: false, warning: "NOT VERIFIED", kid: "k", claims: ANN });
  expect(() => inspect("a.b")).toThrow(TokenFault);
});

/** RFC 8037, appendix A.1. */
const ED25519 = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
const D = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

test("a key of Ed25519 signs, and its public part verifies and does not sign", async () => {
  const key = await Key.fromJwk({ app: 7, kid: "k", jwk: { ...ED25519, d: D } });
  const known = await Key.fromJwk({ app: 7, kid: "k", jwk: ED25519, state: "next" });
  const token = await mint(key, ANN, { now: 1_000 });
  expect((await verify(token, new Keys([known]), { now: 1_000 })).sub).toBe("ann");
  expect(key.alg).toBe("EdDSA");
  const current = await Key.fromJwk({ app: 7, kid: "k", jwk: ED25519 });
  expect((await faultOf(mint(current, ANN))).code).toBe("key_invalid");
  expect(JSON.stringify(key)).not.toContain(D);
  expect(Object.values(key)).not.toContain(D);
});

test("WebCrypto's own JWKs are taken", async () => {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new Error("not a pair");
  const jwk = (await crypto.subtle.exportKey("jwk", pair.privateKey)) as JwkOptions["jwk"];
  const key = await Key.fromJwk({ app: 7, kid: "k", jwk });
  expect((await verify(await mint(key, ANN), new Keys([key]))).sub).toBe("ann");
});

test("a JWK that is no key here is refused", async () => {
  const p256 = {
    kty: "EC",
    crv: "P-256",
    x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
  };
  expect((await Key.fromJwk({ app: 7, kid: "k", jwk: p256 })).alg).toBe("ES256");
  for (const jwk of [
    { ...ED25519, d: SECRET },
    { ...ED25519, d: "short" },
    { ...ED25519, crv: "X25519" },
    { ...ED25519, kty: "EC" },
    { ...ED25519, x: `${ED25519.x}=` },
    { ...ED25519, x: "AA" },
    { ...ED25519, y: p256.y },
    { ...ED25519, alg: "ES256" },
    { ...ED25519, use: "enc" },
    { ...p256, crv: "P-384" },
    { ...p256, y: p256.x },
    { kty: "EC", crv: "P-256", x: p256.x },
  ]) {
    const fault = await faultOf(Key.fromJwk({ app: 7, kid: "k", jwk }));
    expect(fault, JSON.stringify(jwk)).toEqual({ code: "key_invalid", field: "jwk" });
  }
});
