// Sleep, silence and time-outs of the client as a whole, with a given clock and given sockets.
import { expect, test } from "vitest";
import { type ConnectOptions, connect, type Room } from "../../src/client/index.ts";
import { RelayDouble, SEAT, settle } from "./relay_double.ts";

async function seat(double: RelayDouble, options: Partial<ConnectOptions> = {}): Promise<Room> {
  const { WebSocket, clock } = double;
  const room = await connect({ url: "ws://relay/", token: "t", WebSocket, clock, ...options });
  await double.run(1);
  return room;
}

function ops(double: RelayDouble, socket = double.socket): string[] {
  return socket.sent.map(({ op }) => op);
}

test("silence is counted in awake time only", async () => {
  const double = new RelayDouble();
  const room = await seat(double);
  await double.run(39_000);
  expect(ops(double)).toEqual(["login"]);
  await double.run(1000);
  expect(ops(double)).toEqual(["login", "ping"]);
  expect(room.status).toBe("seated");
  await double.sleep(3_600_000);
  // The sleep is noticed: one ping, and the room goes on.
  expect(ops(double)).toEqual(["login", "ping", "ping"]);
  expect(room.status).toBe("seated");
});

test("a ping that was sent and not answered ends the connection, and only that", async () => {
  const double = new RelayDouble();
  const room = await seat(double);
  double.answer = ({ op }) => (op === "ping" ? undefined : SEAT);
  await double.run(49_900);
  expect(room.status).toBe("seated");
  const [socket] = double.sockets;
  await double.run(100);
  expect([room.status, socket?.isClosed]).toEqual(["reconnecting", true]);
  await double.run(1000);
  expect([room.status, double.sockets.length]).toEqual(["seated", 2]);
});

test("anything that is heard is proof of life", async () => {
  const double = new RelayDouble();
  const room = await seat(double);
  double.answer = () => undefined;
  await double.run(40_000);
  expect(ops(double)).toEqual(["login", "ping"]);
  double.socket.say({ ev: "throttled", op: "send", retry_ms: 1 });
  await double.run(10_000);
  expect([room.status, double.sockets.length]).toEqual(["seated", 1]);
});

test("a request does not end by time in which the page did not run", async () => {
  const double = new RelayDouble();
  const room = await seat(double);
  double.answer = ({ op }) => (op === "ping" ? { now_ms: 1 } : undefined);
  let outcome = "waits";
  room.set("k", 1).then(
    () => (outcome = "done"),
    error => (outcome = error.code),
  );
  await double.run(4000);
  await double.sleep(3_600_000);
  expect(outcome).toBe("waits");
  await double.run(6000);
  expect(outcome).toBe("answer_timeout");
});

test("what a socket says after it was given up is not heard", async () => {
  const double = new RelayDouble();
  const room = await seat(double);
  const [old] = double.sockets;
  let messages = 0;
  room.on("message", () => messages++);
  double.answer = ({ op }) => (op === "login" ? SEAT : undefined);
  await double.run(51_000);
  expect(double.sockets.length).toBe(2);
  old?.say({ ev: "message", n: 0, to: "room", data: 1, at_ms: 1 });
  old?.end(4301, "kicked");
  await settle();
  expect([messages, room.status]).toEqual([0, "seated"]);
});

test("two sockets never log in for one room", async () => {
  const double = new RelayDouble();
  const room = await seat(double);
  double.opens = false;
  double.socket.end();
  for (let wake = 0; wake < 5; wake += 1) {
    room.woke();
    await double.run(100);
  }
  expect(double.sockets.length).toBe(2);
  double.socket.onopen?.({} as never);
  await double.run(100);
  expect(room.status).toBe("seated");
  expect(double.sockets.filter(({ isClosed }) => !isClosed)).toHaveLength(1);
});

test("a final close in the middle of an attempt is final", async () => {
  const double = new RelayDouble();
  const room = await seat(double);
  double.answer = ({ op }, socket) => {
    if (op === "login") queueMicrotask(() => socket.end(4302, "room_closed"));
  };
  double.socket.end();
  await double.run(1000);
  expect(room.closed).toMatchObject({ code: 4302, next: "stop" });
  room.woke();
  await double.sleep(3_600_000);
  await double.run(60_000);
  expect(double.sockets.length).toBe(2);
});

test("a frozen page whose socket went comes back at once when it runs again", async () => {
  const double = new RelayDouble();
  const room = await seat(double);
  await double.sleep(60_000);
  double.socket.end();
  await settle();
  await double.run(1);
  expect([room.status, double.sockets.length]).toEqual(["seated", 2]);
});

test("a handshake that nobody answers is given up and tried again", async () => {
  const double = new RelayDouble();
  double.opens = false;
  const attempt = seat(double, { retryFirst: true });
  await double.run(10_100);
  expect(double.socket.isClosed).toBe(true);
  double.opens = true;
  await double.run(1000);
  expect((await attempt).status).toBe("seated");
});

test("a token source that takes too long is let go, and asked again", async () => {
  const double = new RelayDouble();
  let asked = 0;
  const signals: AbortSignal[] = [];
  const attempt = seat(double, {
    retryFirst: true,
    token: ({ signal }) => {
      asked += 1;
      signals.push(signal);
      return asked === 1 ? new Promise(() => {}) : "t";
    },
  });
  await double.run(14_900);
  expect([asked, signals[0]?.aborted]).toEqual([1, false]);
  await double.run(1100);
  expect((await attempt).status).toBe("seated");
  expect([asked, signals[0]?.reason.code]).toEqual([2, "token_source_timeout"]);
});

test("a hidden tab with one timer a minute keeps its living connection", async () => {
  const double = new RelayDouble();
  const room = await seat(double);
  for (let minute = 0; minute < 10; minute += 1) await double.sleep(60_000);
  expect([room.status, double.sockets.length]).toEqual(["seated", 1]);
});

test("what the relay says that is not of the wire ends the connection", async () => {
  const double = new RelayDouble();
  const room = await seat(double);
  double.socket.onmessage?.({ data: "no JSON" } as never);
  await settle();
  expect(room.status).toBe("reconnecting");
});

test("events of a later version are passed over", async () => {
  const double = new RelayDouble();
  const room = await seat(double);
  const types: string[] = [];
  const events = room.events();
  double.socket.say({ ev: "of_a_later_version", n: 1 });
  double.socket.say({ ev: "throttled", op: "send", retry_ms: 1, later: true });
  await room.leave();
  for await (const { type } of events) types.push(type);
  expect(types).toEqual(["throttled", "status", "closed"]);
});

test("long lists are complete before the room is there", async () => {
  const double = new RelayDouble();
  const stream = { stream: 3, name: "cam", user: "ben", role: "host", kind: "data", delivery: "reliable" };
  double.answer = ({ op, id }, socket) => {
    if (op !== "login") return {};
    queueMicrotask(() => {
      socket.say({ re: id, ok: { ...SEAT, more: true } });
      socket.say({ ev: "published", ...stream });
      socket.say({ ev: "message", n: 0, to: "room", data: "meanwhile", at_ms: 1 });
      socket.say({ ev: "state", key: "k", value: 1, version: 1 });
      socket.say({ ev: "listed" });
    });
    return undefined;
  };
  const { WebSocket, clock } = double;
  const room = await connect({ url: "ws://relay/", token: "t", WebSocket, clock });
  expect([room.streams.get(3)?.name, room.values.get("k")?.value]).toEqual(["cam", 1]);
  const message = room.once("message");
  await double.run(1);
  expect((await message).data).toBe("meanwhile");
});

test("a publisher hears that it is watched and that a keyframe is wanted, also before it listens", async () => {
  const double = new RelayDouble();
  const room = await seat(double);
  double.answer = ({ op, id }, socket) => {
    if (op !== "publish") return {};
    queueMicrotask(() => {
      socket.say({ re: id, ok: { stream: 5, epoch: 1 } });
      socket.say({ ev: "watched", stream: 5, name: "cam", watched: true });
      socket.say({ ev: "keyframe_wanted", stream: 5, name: "cam" });
    });
    return undefined;
  };
  const camera = await room.publish("cam", "data", { behindMs: 500, keepMs: 900 });
  expect(double.socket.sent.at(-1)).toMatchObject({ behind_ms: 500, keep_ms: 900 });
  expect(camera.watched).toBe(true);
  await camera.once("keyframeWanted");
  double.socket.say({ ev: "watched", stream: 5, name: "cam", watched: false });
  expect(camera.watched).toBe(false);
  await room.keyframe(7);
  expect(double.socket.sent.at(-1)).toMatchObject({ op: "keyframe", stream: 7 });
});

test("of patterns that are taken up again the denied one waits and the others go on", async () => {
  const double = new RelayDouble();
  const room = await seat(double);
  double.answer = ({ op, streams, id }, socket) => {
    if (op === "login") return SEAT;
    if (op !== "subscribe") return {};
    if (!(streams as string[]).includes("b")) return { streams: [] };
    queueMicrotask(() => socket.say({ re: id, error: { code: "subscribe_denied", message: "" } }));
    return undefined;
  };
  const allowed = double.answer;
  double.answer = ({ op }) => (op === "subscribe" ? { streams: [] } : {});
  await room.subscribe(["a", "b", "c"]);
  double.answer = allowed;
  double.socket.end();
  await double.run(1000);
  const asked = () => double.socket.sent.filter(({ op }) => op === "subscribe").map(({ streams }) => streams);
  expect(asked()).toEqual([["a", "b", "c"], ["a", "b"], ["c"], ["a"], ["b"]]);
  double.socket.say({ ev: "grants_changed", role: "host", grants: SEAT.grants, why: "roles" });
  await settle();
  expect(asked().at(-1)).toEqual(["b"]);
});

test("a connection that goes while streams are taken up keeps their places", async () => {
  const double = new RelayDouble();
  const room = await seat(double);
  const stream = { stream: 3, name: "pos", user: "ben", role: "host", kind: "data", delivery: "reliable" };
  let resumed: boolean | undefined;
  double.answer = ({ op }) => {
    if (op === "login") return SEAT;
    if (op === "subscribe")
      return { streams: [{ ...stream, epoch: 7, seq: 4, ...(resumed && { resumed }) }] };
    return op === "publish" ? { stream: 9, epoch: 1 } : {};
  };
  await room.subscribe("pos");
  await room.publish("own", "data");
  const answered = double.answer;
  double.answer = (request, socket) => {
    if (request.op === "publish") queueMicrotask(() => socket.end());
    return request.op === "publish" ? undefined : answered(request, socket);
  };
  resumed = true;
  double.socket.end();
  await double.run(600);
  double.answer = answered;
  const reconnected = room.once("reconnected");
  await double.run(5000);
  expect(await reconnected).toMatchObject({ streamsBegunAnew: [] });
  const logins = double.sockets
    .slice(1)
    .map(({ sent }) => sent.find(({ op }) => op === "subscribe") as unknown as { from: unknown })
    .map(({ from }) => from);
  expect(logins.length).toBeGreaterThan(1);
  for (const from of logins) expect(from).toEqual([{ stream: "pos", epoch: 7, seq: 4 }]);
});

test("an address that the platform refuses is said to be wrong, and not tried again", async () => {
  const double = new RelayDouble();
  let made = 0;
  class Refusing {
    constructor() {
      made += 1;
      throw new DOMException("mixed content", "SecurityError");
    }
  }
  const WebSocket = Refusing as unknown as typeof double.WebSocket;
  const attempt = connect({
    url: "ws://relay/",
    token: "t",
    WebSocket,
    clock: double.clock,
    retryFirst: true,
  });
  await expect(attempt).rejects.toMatchObject({ name: "ConnectError", code: "url_invalid", next: "stop" });
  expect(made).toBe(1);
});

test("a name that is published again gives way, also where the relay announces nothing", async () => {
  const double = new RelayDouble();
  const room = await seat(double);
  let number = 0;
  double.answer = ({ op }) => (op === "publish" ? { stream: ++number, epoch: 1 } : {});
  const first = await room.publish("d", "data");
  const second = await room.publish("d", "data");
  expect([first.state, second.state, second.number]).toEqual(["ended", "live", 2]);
});

test("a login shares the question that a renewal asked", async () => {
  const double = new RelayDouble();
  let asked = 0;
  let give = (_: string) => {};
  const token = () => {
    asked += 1;
    return asked === 1 ? "first" : new Promise<string>(resolve => (give = resolve));
  };
  const room = await seat(double, { token });
  double.socket.say({ ev: "token_expired", until: 1_800_000_010, now: 1_800_000_000 });
  await settle();
  double.socket.end(4201, "token_expired");
  await double.run(1000);
  expect([asked, room.status]).toEqual([2, "reconnecting"]);
  give("second");
  await double.run(100);
  expect([asked, room.status]).toEqual([2, "seated"]);
  expect(double.socket.sent.map(({ op, token }) => [op, token])).toEqual([["login", "second"]]);
});

test("a token that logs in once is not presented again when its ticket is not good", async () => {
  const double = new RelayDouble();
  const tokens = ["first", "second"];
  double.answer = ({ op, id, ticket }, socket) => {
    if (op !== "login" || ticket === undefined) return { ...SEAT, ticket: "ticket" };
    queueMicrotask(() => {
      socket.say({ re: id, error: { code: "ticket_unknown", message: "" } });
      socket.end(4203, "token_refused");
    });
    return undefined;
  };
  const room = await seat(double, { token: () => tokens.shift() ?? "" });
  double.socket.end();
  await double.run(1000);
  expect(room.status).toBe("seated");
  const presented = double.sockets.map(({ sent }) => sent[0]?.["ticket"] ?? sent[0]?.["token"]);
  expect(presented).toEqual(["first", "ticket", "second"]);
});

test("a connection that fails with an error alone has failed", async () => {
  const double = new RelayDouble();
  double.opens = false;
  const attempt = seat(double);
  const failed = expect(attempt).rejects.toMatchObject({ code: "socket_failed" });
  await settle();
  double.socket.onerror?.({} as never);
  await failed;
});
