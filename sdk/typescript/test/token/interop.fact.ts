// Tokens travel between here, the Rust crate, PyJWT and jose, in both directions. The scripts of PyJWT and jose are
// those that the Rust crate is tested with.

import { spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import {
  type Algorithm,
  type Claims,
  type JwkOptions,
  Key,
  Keys,
  mint,
  type NewClaims,
  verify,
} from "../../src/token/index.ts";

const KID = "k_interop-1";
const APP = 4_294_967_295;
/** Bytes that as base64url begin with both of its own characters. */
const SECRET = new Uint8Array(32).fill(0xfb);
const SECRET_TEXT = Buffer.from(SECRET).toString("base64url");

/** A path from the environment, or else where `cargo xtask test` puts it. */
function installed(variable: string, path: string): string {
  const place =
    process.env[variable] ?? fileURLToPath(new URL(`../../../../target/${path}`, import.meta.url));
  if (!existsSync(place)) throw new Error(`${variable}: there is no ${place}; \`cargo xtask test\` makes it`);
  return place;
}

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
}

function run(
  program: string,
  words: readonly string[],
  input: string,
  env: Record<string, string> = {},
): Ran {
  const { error, status, stdout } = spawnSync(program, words, {
    input,
    env: { ...process.env, ...env },
    encoding: "utf8",
    timeout: 20_000,
  });
  if (error) throw error;
  return { status, stdout };
}

async function keyOf(secret: Uint8Array = SECRET): Promise<Key> {
  return Key.hs256({ app: APP, kid: KID, secret });
}

/** Claims that use every field, with letters that each library escapes in its own way. */
function claimsOf(now: number): NewClaims {
  return {
    room: "the lobby",
    sub: "änna/1",
    role: "speaker",
    grants: { publish: { streams: ["cam-*"], kinds: ["audio", "data"], streams_max: 2 }, set: [] },
    jti: "t-1~",
    name: 'Änna "A" \\ </script> \u{1f3ad} \u2028',
    meta: '{"color":"red"}\n\u0001',
    gen: 2 ** 32,
    once: true,
    at_exp: { grace: 30 },
    max_stay: 3_600,
    until: { publish: now + 300 },
    cnf: { jkt: SECRET_TEXT },
  };
}

interface Answer {
  readonly header: unknown;
  readonly claims: Claims;
  readonly forged_refused_for: string;
  readonly token: string;
  readonly token_hs512?: string;
  readonly token_none: string;
}

/** What a script is asked with: a secret, or a key pair with its private part. */
interface Algorithmic {
  readonly alg: Algorithm;
  readonly key: Key;
  readonly secret: string;
  readonly jwk?: JwkOptions["jwk"];
}

/** A key pair of Ed25519 whose private part a script may have. */
async function pairOf(): Promise<Algorithmic> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new Error("not a pair");
  const { kty, crv, x, d } = await crypto.subtle.exportKey("jwk", pair.privateKey);
  const jwk = { kty, crv, x, d } as JwkOptions["jwk"];
  return { alg: "EdDSA", key: await Key.fromJwk({ app: APP, kid: KID, jwk }), secret: "", jwk };
}

async function travels(
  program: string,
  words: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  const secret: Algorithmic = { alg: "HS256", key: await keyOf(), secret: SECRET_TEXT };
  await travelsBy([secret, await keyOf(new Uint8Array(32).fill(1))], program, words, env);
  await travelsBy([await pairOf(), (await pairOf()).key], program, words, env);
}

async function travelsBy(
  [{ key, ...how }, other]: readonly [Algorithmic, Key],
  program: string,
  words: readonly string[],
  env: Record<string, string>,
): Promise<void> {
  const [now, keys] = [Math.floor(Date.now() / 1000), new Keys([key])];
  const token = await mint(key, claimsOf(now));
  const claims = await verify(token, keys);
  const forged = await mint(other, claims);
  const ran = run(program, words, JSON.stringify({ kid: KID, ...how, claims, token, forged }), env);
  expect(ran.status).toBe(0);
  const answer = JSON.parse(ran.stdout) as Answer;
  expect(answer.header).toEqual({ alg: how.alg, typ: "JWT", kid: KID });
  expect(answer.claims).toEqual(claims);
  expect(answer.forged_refused_for).toBe("signature");
  expect(await verify(answer.token, keys)).toEqual(claims);
  const refused = { [answer.token_none]: "token_malformed", [answer.token_hs512 ?? ""]: "alg_unsupported" };
  for (const [text, code] of Object.entries(refused)) {
    if (text) await expect(verify(text, keys)).rejects.toMatchObject({ code });
  }
}

const script = (name: string): string =>
  fileURLToPath(new URL(`../../../../tests/interop/${name}`, import.meta.url));

test("tokens travel to and from PyJWT", async () => {
  await travels(installed("STAGEDOOR_PYTHON", "interop/venv/bin/python"), [script("pyjwt.py")]);
});

test("tokens travel to and from jose", async () => {
  const modules = installed("STAGEDOOR_NODE_MODULES", "interop/node_modules");
  await travels(process.execPath, [script("jose.mjs")], { STAGEDOOR_NODE_MODULES: modules });
});

/** The `token` commands of the binary, which are the Rust crate. */
function rust(words: readonly string[], input = ""): Ran {
  const key = ["--app", String(APP), "--kid", KID];
  return run(installed("STAGEDOOR_BIN", "debug/stagedoor"), ["token", ...words, ...key, "--json"], input, {
    STAGEDOOR_SECRET: SECRET_TEXT,
  });
}

test("tokens travel to Rust", async () => {
  const now = Math.floor(Date.now() / 1000);
  const key = await keyOf();
  const good = await mint(key, claimsOf(now));
  const ran = rust(["verify", "--room", "the lobby"], good);
  expect(ran.status, ran.stdout).toBe(0);
  expect(JSON.parse(ran.stdout)).toMatchObject({ claims: { app: APP, ...claimsOf(now) } });
  const [head, body] = good.split(".");
  const other = createHmac("sha256", "another secret").update(`${head}.${body}`).digest("base64url");
  const forged = rust(["verify"], `${head}.${body}.${other}`);
  expect(forged.status).toBe(1);
  expect(forged.stdout).toContain("signature_invalid");
});

test("tokens travel from Rust", async () => {
  const grants = '{"publish":{"kinds":["data","audio"]},"waits":true,"caps":{"bytes_per_s":9}}';
  const stay = ["--once", "--at-exp", "demote:audience", "--max-stay", "1h", "--until", "publish=5m"];
  const names = ["--room", "the lobby", "--user", "änna/1", "--role", "speaker", "--name", "Änna \u2028"];
  const ran = rust(["mint", ...names, ...stay, "--grants", grants, `--jkt=${SECRET_TEXT}`]);
  expect(ran.status, ran.stdout).toBe(0);
  const { token } = JSON.parse(ran.stdout) as { token: string };
  const claims = await verify(token, new Keys([await keyOf()]), { room: "the lobby" });
  expect(claims).toMatchObject({
    app: APP,
    sub: "änna/1",
    name: "Änna \u2028",
    grants: { publish: { kinds: ["audio", "data"] }, waits: true, caps: { bytes_per_s: 9 } },
    once: true,
    at_exp: { demote: "audience" },
    max_stay: 3_600,
    cnf: { jkt: SECRET_TEXT },
  });
  expect(await mint(await keyOf(), claims)).toBe(token);
});
