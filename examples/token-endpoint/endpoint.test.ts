// The three endpoints as they are served: Node's as a process, the others by the one function that they hand over.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Key, Keys, verify } from "@stagedoor/sdk/token";
import worker from "./worker.ts";

const env = { APP: "7", KID: "k_1", STAGEDOOR_SECRET: Buffer.alloc(32, 7).toString("base64url") };
const keys = new Keys([await Key.hs256({ app: 7, kid: env.KID, secret: env.STAGEDOOR_SECRET })]);

type Fetch = (request: Request) => Promise<Response>;

async function servesTokens(origin: string, serve: Fetch): Promise<void> {
  const ask = (query: string, session: string, method = "POST"): Promise<Response> =>
    serve(new Request(`${origin}/room-token${query}`, { method, headers: { cookie: `session=${session}` } }));
  const good = await ask("?room=lobby", "demo");
  assert.equal(good.headers.get("cache-control"), "no-store");
  const claims = await verify(await good.text(), keys, { room: "lobby" });
  assert.deepEqual([claims.sub, claims.role, claims.exp - claims.iat], ["ann", "host", 600]);
  assert.equal((await ask("?room=lobby", "other")).status, 401);
  assert.equal((await ask("", "demo")).status, 422);
  assert.equal((await ask("?room=lobby", "demo", "GET")).status, 405);
}

test("the worker serves tokens", async () => {
  await servesTokens("https://example.com", request => worker.fetch(request, env));
});

test("what Deno is given serves tokens", async () => {
  const served = new Promise<Fetch>(serve => {
    const get = (name: string): string | undefined => env[name as keyof typeof env];
    Object.assign(globalThis, { Deno: { env: { get }, serve } });
  });
  await import("./deno.ts");
  await servesTokens("https://example.com", await served);
});

test("Node serves tokens", { timeout: 20_000 }, async () => {
  const script = fileURLToPath(new URL("node.ts", import.meta.url));
  const stdio = ["ignore", "pipe", "inherit"] as const;
  const server = spawn(process.execPath, [script], {
    env: { ...process.env, ...env, PORT: "0" },
    stdio: [...stdio],
  });
  try {
    assert.ok(server.stdout);
    const [line] = (await once(createInterface(server.stdout), "line")) as [string];
    await servesTokens(new URL(line).origin, fetch);
  } finally {
    server.kill();
  }
});
