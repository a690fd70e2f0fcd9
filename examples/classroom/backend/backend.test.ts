// The backend as a process, before a double of Stagedoor's HTTP API.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Key, Keys, verify } from "@stagedoor/sdk/token";

const secret = Buffer.alloc(32, 7).toString("base64url");
const keys = new Keys([await Key.hs256({ app: 7, kid: "k_1", secret })]);
const target = (room: string, user: string) => ({ room_user: { room, user } });
const bans = [
  { generation: 3, ban: true, target: target("algebra", "student-1") },
  { generation: 4, ban: false, target: target("algebra", "student-1") },
  { generation: 5, ban: true, target: target("physics", "student-1") },
  { generation: 6, ban: true, target: { user: "student-1" } },
];

const calls: string[] = [];
const api = createServer(async (asked, told) => {
  calls.push(`${asked.headers.authorization} ${asked.method} ${asked.url} ${await text(asked)}`);
  told.setHeader("content-type", "application/json").end(JSON.stringify({ items: bans }));
});
let server: ReturnType<typeof spawn>;
let origin = "";

before(async () => {
  api.listen(0, "127.0.0.1");
  await once(api, "listening");
  const url = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  server = spawn(process.execPath, [fileURLToPath(new URL("node.ts", import.meta.url))], {
    env: {
      ...process.env,
      APP: "7",
      KID: "k_1",
      STAGEDOOR_SECRET: secret,
      STAGEDOOR_URL: url,
      STAGEDOOR_API_KEY: "sd_key",
      PORT: "0",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  assert.ok(server.stdout);
  const [line] = (await once(createInterface(server.stdout), "line")) as [string];
  origin = new URL(line).origin;
});

after(() => {
  server.kill();
  api.close();
});

async function ask(act: string, user: string, token = ""): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${origin}/classroom/${act}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ room: "algebra", user }),
  });
  return { status: answer.status, text: await answer.text() };
}

test("it mints by who asks", async () => {
  const claims = async (user: string) => {
    const { sub, role, exp, iat } = await verify((await ask("token", user)).text, keys, { room: "algebra" });
    return [sub, role, exp - iat];
  };
  assert.deepEqual(await claims("teacher"), ["teacher", "teacher", 90]);
  assert.deepEqual(await claims("student"), ["student-1", "student", 90]);
  assert.deepEqual(await claims("student"), ["student-2", "student", 90]);
  assert.deepEqual(await claims("student-1"), ["student-1", "student", 90]);
  for (const user of ["root", "teacher2", "student-x", ""])
    assert.equal((await ask("token", user)).status, 403);
  assert.equal((await fetch(`${origin}/classroom/token`)).status, 405);
  assert.equal((await ask("other", "teacher")).status, 404);
});

test("only a teacher of the room revokes and lifts", async () => {
  const { text: teacher } = await ask("token", "teacher");
  const { text: student } = await ask("token", "student-1");
  for (const token of ["", "x", student]) {
    assert.equal((await ask("revoke", "student-1", token)).status, 403);
    assert.equal((await ask("let-in", "student-1", token)).status, 403);
  }
  assert.deepEqual(calls, []);
  assert.equal((await ask("revoke", "student-1", teacher)).status, 204);
  assert.equal((await ask("let-in", "student-1", teacher)).status, 204);
  const body = JSON.stringify({ target: target("algebra", "student-1") });
  assert.deepEqual(calls, [
    `Bearer sd_key POST /v1/apps/7/revocations ${body}`,
    "Bearer sd_key GET /v1/apps/7/revocations?limit=200 ",
    "Bearer sd_key DELETE /v1/apps/7/revocations/3 ",
  ]);
});
