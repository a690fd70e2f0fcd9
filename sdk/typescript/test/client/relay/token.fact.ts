// Tokens: when the source is asked, what is presented, and where a token never stands. In Node against a real relay.
import { inspect } from "node:util";
import { expect, test, vi } from "vitest";
import {
  type ConnectOptions,
  connect,
  ProofKey,
  type Room,
  type RoomEvents,
  type SocketClass,
  type TokenAsked,
  TokenDenied,
} from "../../../src/client/index.ts";
import { until } from "../until.ts";
import { atEnd, member } from "./members.ts";
import { Line } from "./proxy.ts";
import { api, type Claims, mint, newRoom, Relay, sharedApp } from "./relay.ts";

const app = sharedApp();

async function line(): Promise<Line> {
  const line = await Line.to(app.url);
  atEnd(() => line.close());
  return line;
}

/** A source that says why it was asked. */
function source(claims: Claims, give: (asked: number) => Claims = () => ({})) {
  const why: string[] = [];
  const token = ({ why: because }: TokenAsked) => {
    why.push(because);
    return mint(app, { ...claims, ...give(why.length) });
  };
  return { why, token };
}

const back = (room: Room) => until<RoomEvents, "reconnected">(room, "reconnected");

async function join(options: Partial<ConnectOptions>): Promise<Room> {
  return member({}, options);
}

/** Every text that a socket sent. */
function recorded(): { WebSocket: SocketClass; sent: string[] } {
  const sent: string[] = [];
  class Recorded extends WebSocket {
    override send(data: string | ArrayBufferLike | Blob | ArrayBufferView<ArrayBuffer>): void {
      if (typeof data === "string") sent.push(data);
      super.send(data as string);
    }
  }
  return { WebSocket: Recorded as unknown as SocketClass, sent };
}

test("a token that is still good is presented again without a question", async () => {
  const cable = await line();
  const { why, token } = source({ room: newRoom() });
  const room = await join({ url: cable.url, token });
  for (let time = 0; time < 2; time += 1) {
    const again = back(room);
    cable.cut();
    await again;
  }
  expect(why).toEqual(["login"]);
});

test("one question at a time, and its answer is shared", async () => {
  const { why, token } = source({ room: newRoom() });
  let give = () => {};
  const held = new Promise<void>(resolve => {
    give = resolve;
  });
  let waits = false;
  const room = await join({
    token: async asked => {
      if (waits) await held;
      return token(asked);
    },
  });
  waits = true;
  const renewals = [room.renew(), room.renew(), room.renew()];
  give();
  const exps = (await Promise.all(renewals)).map(({ exp }) => exp);
  expect(new Set(exps).size).toBe(1);
  expect(why).toEqual(["login", "asked"]);
});

test("a notice that the token ends is obeyed once, and the seat goes on", async () => {
  const { why, token } = source({ room: newRoom() }, asked => ({ ttlS: asked === 1 ? 4 : 600 }));
  const room = await join({ token });
  const expiring = room.once("tokenExpiring");
  const renewed = await room.once("renewed");
  await expiring;
  expect(renewed.exp).toBe(room.exp);
  expect(room.exp * 1000 - Date.now()).toBeGreaterThan(500_000);
  expect(why).toEqual(["login", "expiring"]);
  expect(room.status).toBe("seated");
});

test("a failing source is asked again as long as the seat lasts", async () => {
  const { why, token } = source({ room: newRoom() }, asked => ({ ttlS: asked === 1 ? 6 : 600 }));
  let failures = 0;
  const room = await join({
    reconnect: { firstMs: 10, maxMs: 20 },
    token: asked => {
      if (asked.why === "expiring" && failures < 3) {
        failures += 1;
        throw new Error("the backend is away");
      }
      return token(asked);
    },
  });
  const failed: string[] = [];
  room.on("renewFailed", ({ error }) => failed.push(`${error.code}: ${(error.cause as Error).message}`));
  await room.once("renewed");
  expect(failed).toEqual(Array(3).fill("token_source_failed: the backend is away"));
  expect(why).toEqual(["login", "expiring"]);
});

test("a refused token is not presented again", async () => {
  const { WebSocket, sent } = recorded();
  const bad = mint({ ...app, secret: "A".repeat(43) }, { room: newRoom() });
  const because: string[] = [];
  let asked = 0;
  const closed = connect({
    url: app.connect,
    WebSocket,
    retryFirst: true,
    reconnect: { attemptsMax: 3, firstMs: 1, maxMs: 1 },
    token: ({ why }) => {
      asked += 1;
      because.push(why);
      return bad;
    },
  });
  await expect(closed).rejects.toMatchObject({ name: "TokenError", code: "token_again", next: "later" });
  expect(because).toEqual(["login", "refused", "refused", "refused"]);
  expect(asked).toBe(4);
  expect(sent.filter(text => text.includes(bad))).toHaveLength(1);
});

test("a refused text is the end, since there is nobody to ask", async () => {
  const cable = await line();
  const token = mint({ ...app, secret: "A".repeat(43) }, { room: newRoom() });
  const attempt = connect({ url: cable.url, token, retryFirst: true, reconnect: { firstMs: 1, maxMs: 1 } });
  await expect(attempt).rejects.toMatchObject({ code: "token_again", next: "stop" });
  expect(cable.count).toBe(1);
});

test("a refused login says why, with its field and what is next", async () => {
  const token = mint(app, { room: newRoom(), role: "nobody" });
  await expect(connect({ url: app.connect, token })).rejects.toMatchObject({
    name: "RefusedError",
    code: "role_unknown",
    field: "role",
    next: "token",
    closeCode: 4203,
  });
});

test("a login names the room and the user that the token must be for", async () => {
  const token = () => mint(app, { room: newRoom(), user: "ann" });
  await expect(connect({ url: app.connect, token, room: "other" })).rejects.toMatchObject({
    code: "room_mismatch",
  });
  await expect(connect({ url: app.connect, token, user: "ben" })).rejects.toMatchObject({
    code: "user_mismatch",
  });
});

test("a source that denies stops the client, at the login and in the seat", async () => {
  const denied = new TokenDenied("signed out");
  const deny = () => {
    throw denied;
  };
  await expect(connect({ url: app.connect, token: deny, retryFirst: true })).rejects.toBe(denied);
  const { token } = source({ room: newRoom() });
  const room = await join({ token: asked => (asked.why === "asked" ? deny() : token(asked)) });
  await expect(room.renew()).rejects.toBe(denied);
  expect(room.closed).toEqual({ code: 0, reason: "token_denied", next: "stop" });
});

test("the source's signal ends with the client", async () => {
  const { token } = source({ room: newRoom() });
  let signal: AbortSignal | undefined;
  const room = await join({
    token: asked => {
      if (asked.why === "login") return token(asked);
      signal = asked.signal;
      return new Promise(() => {});
    },
  });
  const renewal = room.renew();
  await vi.waitUntil(() => signal);
  await room.leave();
  await expect(renewal).rejects.toMatchObject({ code: "closed" });
  expect(signal?.aborted).toBe(true);
});

test("a page that wakes after its token's end asks once and logs in once", async () => {
  const cable = await line();
  const name = newRoom();
  const { why, token } = source({ room: name });
  let aheadMs = 0;
  const clock = {
    now: () => Date.now() + aheadMs,
    setTimeout: (run: () => void, ms: number) => setTimeout(run, ms),
    clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
  };
  const { WebSocket, sent } = recorded();
  const reconnect = { firstMs: 3_600_000, maxMs: 3_600_000 };
  const room = await join({ url: cable.url, token, clock, WebSocket, reconnect });
  const cut = room.once("reconnecting");
  cable.refuse();
  cable.cut();
  await cut;
  cable.pass();
  const again = back(room);
  aheadMs = 3_600_000;
  for (let time = 0; time < 3; time += 1) room.woke();
  await again;
  expect(why).toEqual(["login", "expired"]);
  expect(sent.filter(text => text.includes('"login"'))).toHaveLength(2);
});

test("a seat whose token has ended comes back with a new one", async () => {
  const { why, token } = source({ room: newRoom() }, asked => ({ ttlS: asked === 1 ? 2 : 600 }));
  const room = await join({
    token: asked => {
      if (asked.why === "expiring") throw new Error("asleep");
      return token(asked);
    },
  });
  const reconnecting = room.once("reconnecting");
  const again = back(room);
  expect((await reconnecting).because).toMatchObject({ closeCode: 4201, next: "token" });
  await again;
  expect(why).toEqual(["login", "expired"]);
});

test("a revoked token is renewed within its margin", async () => {
  const [name, why] = [newRoom(), [] as string[]];
  const room = await join({
    token: async asked => {
      why.push(asked.why);
      // The backend's own minting knows which revocation was the last.
      const minted = { room: name, user: "rita", role: "host" };
      return ((await api(app, "POST", "/tokens", minted)) as { token: string }).token;
    },
  });
  const [revoked, renewed] = [room.once("tokenRevoked"), room.once("renewed")];
  await api(app, "POST", "/revocations", { target: { user: "rita" }, margin_s: 30 });
  await revoked;
  await renewed;
  expect(why).toEqual(["login", "revoked"]);
  expect(room.status).toBe("seated");
});

test("after a token of once its ticket comes back without a question", async () => {
  const cable = await line();
  const { why, token } = source({ room: newRoom(), once: true });
  const { WebSocket, sent } = recorded();
  const room = await join({ url: cable.url, token, WebSocket });
  for (let time = 0; time < 2; time += 1) {
    const again = back(room);
    cable.cut();
    await again;
  }
  expect(why).toEqual(["login"]);
  const logins = sent.map(text => JSON.parse(text)).filter(({ op }) => op === "login");
  expect(logins.map(login => ["token", "ticket"].filter(name => name in login))).toEqual([
    ["token"],
    ["ticket"],
    ["ticket"],
  ]);
});

test("a bound token is proven at login, at renewal and after a cut", async () => {
  const cable = await line();
  const proofKey = await ProofKey.generate();
  const { token } = source({ room: newRoom(), cnf: { jkt: proofKey.thumbprint } });
  const room = await join({ url: cable.url, token, proofKey });
  await room.renew();
  const again = back(room);
  cable.cut();
  await again;
  await expect(connect({ url: app.connect, token })).rejects.toMatchObject({
    code: "key_missing",
    next: "stop",
  });
  const other = await ProofKey.generate();
  await expect(connect({ url: app.connect, token, proofKey: other })).rejects.toMatchObject({
    code: "proof_invalid",
  });
  const pair = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
  await expect(ProofKey.from(pair as CryptoKeyPair)).rejects.toMatchObject({
    name: "KeyError",
    code: "key_invalid",
  });
});

test("a cookie logs in with the handshake", async () => {
  const origin = "https://page.example.com";
  const relay = await Relay.start({
    STAGEDOOR_RELAY__COOKIE: "seat",
    STAGEDOOR_RELAY__ORIGINS: JSON.stringify([origin]),
  });
  atEnd(() => relay.stop());
  const withCookie = (cookie: string) =>
    class extends WebSocket {
      constructor(url: string, protocol: string) {
        super(url, {
          protocols: [protocol],
          headers: { cookie: `seat=${cookie}`, origin },
        } as unknown as string[]);
      }
    } as unknown as SocketClass;
  const url = relay.app.connect;
  const good = withCookie(mint(relay.app, { user: "cora" }));
  const room = await connect({ url, cookie: true, WebSocket: good });
  expect(room.me?.user).toBe("cora");
  await room.leave();
  const bad = withCookie(mint(relay.app, { role: "nobody" }));
  await expect(connect({ url, cookie: true, WebSocket: bad })).rejects.toMatchObject({
    code: "role_unknown",
  });
  await expect(connect({ url })).rejects.toBeInstanceOf(TypeError);
});

test("no token is in an error, in a log, or in what a room shows", async () => {
  const name = newRoom();
  const tokens: string[] = [];
  const keep = (claims: Claims, of = app) => {
    const token = mint(of, { room: name, ...claims });
    tokens.push(token);
    return token;
  };
  const logged: unknown[] = [];
  const spies = (["log", "info", "warn", "error", "debug"] as const).map(level =>
    vi.spyOn(console, level).mockImplementation((...texts) => logged.push(...texts)),
  );
  atEnd(() => {
    for (const spy of spies) spy.mockRestore();
  });
  const cable = await line();
  const room = await join({ url: cable.url, token: () => keep({ user: "ann", once: true }) });
  const shown: unknown[] = logged;
  room.on("renewFailed", event => shown.push(event));
  await room.renew();
  const again = back(room);
  cable.cut();
  await again;
  const refused = await connect({
    url: cable.url,
    token: keep({}, { ...app, secret: "A".repeat(43) }),
  }).catch(e => e);
  const mistaken = await connect({ url: cable.url, token: keep({ role: "nobody" }), room: "x" }).catch(
    e => e,
  );
  const inUrl = await connect({ url: `${app.connect}?token=${keep({})}`, token: "x" }).catch(e => e);
  shown.push(room, refused, mistaken, inUrl, JSON.stringify([room, refused, mistaken, inUrl]));
  const text = inspect(shown, { depth: 20, showHidden: true, getters: true });
  expect(tokens.length).toBeGreaterThan(4);
  for (const token of tokens) for (const part of token.split(".").slice(1)) expect(text).not.toContain(part);
});
