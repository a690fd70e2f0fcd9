// Lost connections: what comes back, what does not, and what is said about it. In Node against a real relay.
import { expect, test } from "vitest";
import { connect, type Room, type RoomEvents } from "../../../src/client/index.ts";
import { until } from "../until.ts";
import { atEnd, member } from "./members.ts";
import { Line } from "./proxy.ts";
import { api, mint, newRoom, Relay, sharedApp } from "./relay.ts";

const app = sharedApp();

async function line(): Promise<Line> {
  const line = await Line.to(app.url);
  atEnd(() => line.close());
  return line;
}

const back = (room: Room) => until<RoomEvents, "reconnected">(room, "reconnected");

test("a cut connection comes back with its streams, subscriptions and events", async () => {
  const name = newRoom();
  const cable = await line();
  const ann = await member({ room: name, user: "ann" });
  const ben = await member({ room: name, user: "ben" }, { url: cable.url });
  const pos = await ann.publish("pos", "data", { delivery: "reliable" });
  const own = await ben.publish("own", "data", { delivery: "reliable" });
  const [subscription, heard] = [await ben.subscribe("*"), await ann.subscribe("own")];
  const first = subscription.once("frame");
  pos.send(new Uint8Array([0]));
  await first;
  const reconnecting = ben.once("reconnecting");
  const [again, begun] = [back(ben), own.once("begun")];
  const messages: unknown[] = [];
  ben.on("message", ({ data }) => messages.push(data));
  cable.refuse();
  cable.cut();
  expect(await reconnecting).toMatchObject({ attempt: 1, because: { code: "closed", next: "later" } });
  expect([ben.status, own.state, own.send(new Uint8Array(1))]).toEqual(["reconnecting", "away", "dropped"]);
  await expect(ben.ping()).rejects.toMatchObject({ name: "LostError", code: "lost" });
  pos.send(new Uint8Array([1]));
  await ann.send("room", "missed");
  const missed = subscription.once("frame");
  cable.pass();
  expect(await again).toEqual({ eventsResumed: true, streamsBegunAnew: [] });
  await begun;
  expect(await missed).toMatchObject({ seq: 1 });
  await ben.ping();
  expect(messages).toEqual(["missed"]);
  const frame = heard.once("frame");
  expect(own.send(new Uint8Array([9]))).toBe("sent");
  expect([...(await frame).payload]).toEqual([9]);
  expect(ben.status).toBe("seated");
});

test("a stream that is gone when the connection is back is told as lost", async () => {
  const name = newRoom();
  const cable = await line();
  const ann = await member({ room: name, user: "ann" });
  const ben = await member({ room: name, user: "ben" }, { url: cable.url });
  const pos = await ann.publish("pos", "data");
  const subscription = await ben.subscribe("pos");
  const [ended, again, cut] = [subscription.once("ended"), back(ben), ben.once("reconnecting")];
  cable.refuse();
  cable.cut();
  await cut;
  pos.end();
  await ann.ping();
  cable.pass();
  expect((await again).streamsBegunAnew).toEqual(["pos"]);
  expect(await ended).toMatchObject({ stream: { name: "pos" }, reason: "lost" });
});

test("a stream that begins again is not watched before the relay says so", async () => {
  const name = newRoom();
  const cable = await line();
  const ann = await member({ room: name, user: "ann" });
  const ben = await member({ room: name, user: "ben" }, { url: cable.url });
  const own = await ben.publish("own", "video");
  const watched = own.once("watched");
  const subscription = await ann.subscribe("own");
  expect([await watched, own.watched]).toEqual([true, true]);
  const [cut, begun] = [ben.once("reconnecting"), own.once("begun")];
  cable.refuse();
  cable.cut();
  await cut;
  await subscription.end();
  cable.pass();
  await begun;
  expect(own.watched).toBe(false);
});

test("a relay that restarts is told beforehand and found again", async () => {
  const relay = await Relay.start();
  const ben = await member({ room: newRoom() }, {}, relay.app);
  const closing = ben.once("closing");
  const folder = await relay.stop({ keep: true, signal: "SIGTERM" });
  expect(await closing).toMatchObject({ code: 4000, reason: "closing", next: "now" });
  const again = back(ben);
  const restarted = await Relay.start({}, new URL(relay.app.url).host, folder);
  atEnd(() => restarted.stop());
  expect((await again).eventsResumed).toBe(false);
  await ben.leave();
});

test("a kicked client stays away, also when its page wakes", async () => {
  const name = newRoom();
  const cable = await line();
  const ann = await member({ room: name, user: "ann" });
  const ben = await member({ room: name, user: "ben", role: "speaker" }, { url: cable.url });
  const closed = ben.once("closed");
  await ann.kick("ben");
  expect(await closed).toEqual({ code: 4301, reason: "kicked", next: "stop" });
  const connections = cable.count;
  ben.woke();
  await ann.ping();
  expect([cable.count, ben.status]).toEqual([connections, "closed"]);
});

test("a ban that comes while the connection is lost ends the attempts", async () => {
  const name = newRoom();
  const cable = await line();
  const ben = await member({ room: name, user: "bad-ben" }, { url: cable.url });
  const [cut, closed] = [ben.once("reconnecting"), ben.once("closed")];
  cable.refuse();
  cable.cut();
  await cut;
  await api(app, "POST", "/revocations", { target: { user: "bad-ben" }, ban: true });
  cable.pass();
  expect(await closed).toMatchObject({ code: 4308, next: "stop" });
});

test("a second login of the user replaces the first, which stays away", async () => {
  const name = newRoom();
  const first = await member({ room: name, user: "ben" });
  const closed = first.once("closed");
  await member({ room: name, user: "ben" });
  expect(await closed).toMatchObject({ code: 4303, reason: "replaced" });
});

test("a client that may not reconnect is closed with what happened", async () => {
  const cable = await line();
  const ben = await member({ room: newRoom() }, { url: cable.url, reconnect: false });
  const closed = ben.once("closed");
  cable.cut();
  expect(await closed).toMatchObject({ code: 0, next: "later" });
});

test("attempts end at their bound", async () => {
  const cable = await line();
  const reconnect = { attemptsMax: 3, firstMs: 1, maxMs: 2 };
  const ben = await member({ room: newRoom() }, { url: cable.url, reconnect });
  const attempts: number[] = [];
  ben.on("reconnecting", ({ attempt }) => attempts.push(attempt));
  const closed = ben.once("closed");
  cable.refuse();
  cable.cut();
  expect(await closed).toMatchObject({ reason: "socket_failed", next: "later" });
  expect(attempts).toEqual([1, 2, 3]);
});

test("a silent line is found by a ping that nobody answers", async () => {
  const [cable, name] = [await line(), newRoom()];
  await member({ room: name, user: "ann" });
  const ben = await member(
    { room: name, user: "ben" },
    { url: cable.url, silenceMaxMs: 200, answerMaxMs: 300 },
  );
  const reconnecting = ben.once("reconnecting");
  const again = back(ben);
  cable.hold();
  expect((await reconnecting).because.message).toContain("silence");
  cable.pass();
  expect((await again).eventsResumed).toBe(true);
});

test("a quiet room is not taken for dead", async () => {
  const cable = await line();
  const ben = await member({ room: newRoom() }, { url: cable.url, silenceMaxMs: 40, answerMaxMs: 2000 });
  let isLost = false;
  ben.on("reconnecting", () => {
    isLost = true;
  });
  // Twenty silences, each of which ends in a ping that is answered.
  await new Promise(resolve => setTimeout(resolve, 800));
  expect([isLost, cable.count]).toEqual([false, 1]);
});

test("a request without an answer ends by itself", async () => {
  const cable = await line();
  const ben = await member({ room: newRoom() }, { url: cable.url, answerMaxMs: 100 });
  cable.hold();
  await expect(ben.set("k", 1)).rejects.toMatchObject({
    name: "TimeoutError",
    code: "answer_timeout",
    next: "later",
  });
});

test("a page that wakes tries again at once, without counting it", async () => {
  const cable = await line();
  const reconnect = { attemptsMax: 1, firstMs: 3_600_000, maxMs: 3_600_000 };
  const ben = await member({ room: newRoom() }, { url: cable.url, reconnect });
  const cut = ben.once("reconnecting");
  cable.refuse();
  cable.cut();
  expect((await cut).delayMs).toBeGreaterThan(1_000_000);
  const second = ben.once("reconnecting");
  ben.woke();
  expect((await second).attempt).toBe(1);
  const again = back(ben);
  cable.pass();
  ben.woke();
  await again;
});

test("a page that wakes with an open socket pings, and finds a dead line", async () => {
  const cable = await line();
  const ben = await member({ room: newRoom() }, { url: cable.url, answerMaxMs: 200 });
  cable.hold();
  const reconnecting = ben.once("reconnecting");
  ben.woke();
  expect(await reconnecting).toMatchObject({ attempt: 1, delayMs: 0 });
});

test("an aborted signal ends the attempt before the relay hears of it, and the room later", async () => {
  const cable = await line();
  const token = () => mint(app, { room: newRoom() });
  const aborted = AbortSignal.abort();
  await expect(connect({ url: cable.url, token, signal: aborted })).rejects.toMatchObject({
    name: "AbortError",
  });
  const controller = new AbortController();
  const attempt = connect({ url: cable.url, token, signal: controller.signal });
  controller.abort();
  await expect(attempt).rejects.toMatchObject({ name: "AbortError" });
  expect(cable.count).toBe(0);
  const later = new AbortController();
  const room = await connect({ url: cable.url, token, signal: later.signal });
  later.abort();
  expect(room.closed).toEqual({ code: 0, reason: "aborted", next: "stop" });
});

test("a mount that is taken back at once is one login and one question", async () => {
  const cable = await line();
  const name = newRoom();
  let asked = 0;
  const token = () => {
    asked += 1;
    return mint(app, { room: name });
  };
  const [first, second] = [new AbortController(), new AbortController()];
  const taken = connect({ url: cable.url, token, signal: first.signal });
  first.abort();
  const kept = connect({ url: cable.url, token, signal: second.signal });
  await expect(taken).rejects.toMatchObject({ name: "AbortError" });
  const room = await kept;
  expect([asked, cable.count, room.status]).toEqual([1, 1, "seated"]);
  await room.leave();
});

test("the first connection is not tried twice, unless it may be", async () => {
  const cable = await line();
  cable.refuse();
  const options = { url: cable.url, token: mint(app, { room: newRoom() }) };
  await expect(connect(options)).rejects.toMatchObject({
    name: "ConnectError",
    code: "socket_failed",
    next: "later",
  });
  expect(cable.count).toBe(1);
  const reconnect = { attemptsMax: 2, firstMs: 1, maxMs: 1 };
  await expect(connect({ ...options, retryFirst: true, reconnect })).rejects.toMatchObject({
    code: "socket_failed",
  });
  expect(cable.count).toBe(4);
});

test("a room that is left again and again is left once", async () => {
  const ben = await member({ room: newRoom() });
  let closed = 0;
  ben.on("closed", () => closed++);
  await Promise.all([ben.leave(), ben.leave()]);
  await ben.leave();
  expect(closed).toBe(1);
});

test("a block that ends leaves the room", async () => {
  const name = newRoom();
  const ann = await member({ room: name, user: "ann" });
  const left = until<RoomEvents, "left">(ann, "left", ({ users }) => users.includes("ben"));
  {
    await using ben = await member({ room: name, user: "ben" });
    expect(ben.status).toBe("seated");
    // Joins and leaves of one moment are told as nothing.
    if (!ann.members.has("ben")) {
      await until<RoomEvents, "joined">(ann, "joined", ({ members }) =>
        members.some(({ user }) => user === "ben"),
      );
    }
  }
  await left;
});
