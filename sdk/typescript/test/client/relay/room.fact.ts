// What a room can be read, asked and told: each row of the room's tables, in Node against a real relay.
import { expect, test } from "vitest";
import { RefusedError, type RoomEvents } from "../../../src/client/index.ts";
import { until } from "../until.ts";
import { member } from "./members.ts";
import { newRoom } from "./relay.ts";

test("a seat says who one is and what one may do", async () => {
  const room = await member({ room: newRoom(), user: "ann", name: "Ann", meta: "m" });
  expect(room.status).toBe("seated");
  expect(room.me).toEqual({ user: "ann", role: "host", name: "Ann", meta: "m" });
  expect(room.grants?.publish.streams_max).toBe(16);
  expect(room.count).toBe(1);
  expect(room.exp * 1000).toBeGreaterThan(Date.now());
  expect(Math.abs(room.clock.offsetMs)).toBeLessThan(1500);
  const { rttMs, offsetMs } = await room.ping();
  expect(rttMs).toBeLessThan(1000);
  expect(Math.abs(offsetMs)).toBeLessThan(1000);
});

test("members come and go in every member's list", async () => {
  const name = newRoom();
  const ann = await member({ room: name, user: "ann" });
  const joined = until<RoomEvents, "joined">(ann, "joined", ({ members }) =>
    members.some(({ user }) => user === "ben"),
  );
  const ben = await member({ room: name, user: "ben" });
  await joined;
  expect([...ann.members.keys()].sort()).toEqual(["ann", "ben"]);
  expect([...ben.members.keys()].sort()).toEqual(["ann", "ben"]);
  const users: string[] = [];
  for await (const { user } of ann.allMembers()) users.push(user);
  expect(users).toEqual(["ann", "ben"]);
  const left = ann.once("left");
  await ben.leave();
  expect((await left).users).toEqual(["ben"]);
  expect(ann.count).toBe(1);
  expect(ben.status).toBe("closed");
  expect(ben.closed).toEqual({ code: 4300, reason: "left", next: "stop" });
});

test("a message arrives with its sender and topic", async () => {
  const name = newRoom();
  const [ann, ben] = [await member({ room: name, user: "ann" }), await member({ room: name, user: "ben" })];
  const message = ben.once("message");
  await ann.send({ user: "ben" }, { snake_case: [1] }, { topic: "chat" });
  expect(await message).toMatchObject({ from: { user: "ann" }, topic: "chat", data: { snake_case: [1] } });
});

test("state is set by version, read by key and deleted", async () => {
  const name = newRoom();
  const [ann, ben] = [await member({ room: name, user: "ann" }), await member({ room: name, user: "ben" })];
  const set = ben.once("state");
  const version = await ann.set("slide", { at: 3 }, { ifVersion: 0 });
  await set;
  expect(ben.values.get("slide")).toMatchObject({ value: { at: 3 }, version, by: "ann" });
  const conflict = await ann.set("slide", 4, { ifVersion: 0 }).catch(error => error);
  expect(conflict).toBeInstanceOf(RefusedError);
  expect(conflict).toMatchObject({ code: "version_conflict", version, next: "now" });
  const deleted = ben.once("state");
  await ann.delete("slide");
  await deleted;
  expect(ben.values.has("slide")).toBe(false);
});

test("frames arrive in order, as views, with their numbers", async () => {
  const name = newRoom();
  const [ann, ben] = [await member({ room: name, user: "ann" }), await member({ room: name, user: "ben" })];
  const subscription = await ben.subscribe("pos*");
  const found = subscription.once("found");
  const publisher = await ann.publish("pos-1", "data", { delivery: "reliable" });
  expect((await found).name).toBe("pos-1");
  for (const byte of [1, 2, 3])
    expect(publisher.send(new Uint8Array([byte]), { keyframe: byte === 1 })).toBe("sent");
  const seen: unknown[] = [];
  for await (const { seq, keyframe, payload, stream } of subscription) {
    seen.push([stream.name, seq, keyframe, [...payload], payload.byteOffset]);
    if (seen.length === 3) break;
  }
  expect(seen).toEqual([
    ["pos-1", 0, true, [1], 6],
    ["pos-1", 1, false, [2], 6],
    ["pos-1", 2, false, [3], 6],
  ]);
  const ended = subscription.once("ended");
  publisher.end();
  expect(publisher.send(new Uint8Array(1))).toBe("dropped");
  expect((await ended).reason).toBe("unpublished");
  expect(subscription.streams).toEqual([]);
});

test("a wrong name, a value that is no JSON and one too large are found before they are sent", async () => {
  const ann = await member({ room: newRoom() });
  const circle: unknown[] = [];
  circle.push(circle);
  const attempts: [Promise<unknown>, string][] = [
    [ann.publish("no spaces", "data"), "name_invalid"],
    [ann.subscribe("*a"), "name_invalid"],
    [ann.set("a/b", 1), "name_invalid"],
    [ann.send("room", 1, { topic: "" }), "name_invalid"],
    [ann.send("room", undefined), "value_invalid"],
    [ann.send("room", circle), "value_invalid"],
    [ann.send("room", "\ud800"), "value_invalid"],
    [ann.set("k", "x".repeat(70_000)), "too_large"],
  ];
  for (const [attempt, code] of attempts) {
    await expect(attempt).rejects.toMatchObject({ name: "InvalidError", code, next: "stop" });
  }
  await ann.send("room", "\\ud800 as it is written, and 😀");
  const publisher = await ann.publish("d", "data");
  expect(() => publisher.send(new Uint8Array(1_048_571))).toThrow(
    expect.objectContaining({ code: "too_large" }),
  );
  expect(ann.status).toBe("seated");
});

test("a refusal has its code, its rule and what is next", async () => {
  const ann = await member({ room: newRoom(), role: "audience" });
  const refused = await ann.publish("cam", "video").catch(error => error);
  expect(refused).toBeInstanceOf(RefusedError);
  expect(refused).toMatchObject({
    name: "RefusedError",
    code: "publish_denied",
    rule: "publish.streams",
    next: "stop",
  });
  expect(ann.can.publish("cam", "video")).toEqual({
    ok: false,
    code: "publish_denied",
    rule: "publish.streams",
  });
});

test("a muted stream ends and begins again when it may", async () => {
  const name = newRoom();
  const [ann, ben] = [
    await member({ room: name, user: "ann" }),
    await member({ room: name, user: "ben", role: "speaker" }),
  ];
  const mic = await ben.publish("mic", "audio");
  const chat = await ben.publish("chat", "data", { endWhenDenied: true });
  const denied = mic.once("denied");
  const ended = chat.once("ended");
  await ann.mute("ben");
  expect(await denied).toEqual({ again: true });
  expect((await ended).reason).toBe("denied");
  expect([mic.state, mic.send(new Uint8Array(1)), chat.state]).toEqual(["denied", "dropped", "ended"]);
  const before = mic.number;
  const begun = mic.once("begun");
  await ann.unmute("ben", ["audio"]);
  await begun;
  expect(mic.state).toBe("live");
  expect(mic.number).not.toBe(before);
  expect(mic.send(new Uint8Array(1))).toBe("sent");
});

test("a raised hand is seen, and accepted by a promotion", async () => {
  const name = newRoom();
  const [ann, ben] = [
    await member({ room: name, user: "ann" }),
    await member({ room: name, user: "ben", role: "audience" }),
  ];
  const asked = ann.once("asked");
  await ben.ask("speaker");
  expect(await asked).toMatchObject({ user: "ben", wants: "speaker" });
  expect(ann.asks.has("ben")).toBe(true);
  const changed = ben.once("grantsChanged");
  const over = until<RoomEvents, "askEnded">(ann, "askEnded");
  await ann.promote("ben", "speaker");
  expect(await changed).toMatchObject({ role: "speaker", why: "promoted", by: "ann" });
  expect((await over).outcome).toBe("accepted");
  expect([ben.me?.role, ben.can.publish("mic", "audio").ok, ann.asks.size]).toEqual(["speaker", true, 0]);
  await ann.demote("ben", "audience");
  expect(ben.can.moderate("kick", "ann")).toMatchObject({ ok: false, rule: "moderate" });
});

test("who waits is let in by an admission", async () => {
  const name = newRoom();
  const ann = await member({ room: name, user: "ann" });
  const asked = ann.once("asked");
  const ben = await member({ room: name, user: "ben", role: "speaker", grants: { waits: true } });
  expect([ben.status, ben.waiting]).toEqual(["waiting", true]);
  await expect(ben.publish("cam", "video")).rejects.toMatchObject({ name: "RefusedError" });
  expect((await asked).wants).toBeUndefined();
  expect(ann.can.moderate("decline", "ben").ok).toBe(true);
  const status = ben.once("status");
  expect(await ann.admit({ all: true })).toEqual({ admitted: 1, waiting: 0 });
  expect(await status).toEqual({ status: "seated", before: "waiting" });
  await ben.publish("cam", "video");
});

test("a guest comes in with an invitation", async () => {
  const name = newRoom();
  const ann = await member({ room: name, user: "ann" });
  const { token, user } = await ann.invite("audience", { ttlS: 60, name: "Dana" });
  const guest = await member({}, { token });
  expect(guest.me).toMatchObject({ user, name: "Dana", role: "audience" });
  await expect(ann.ban(user, { forS: 60 })).resolves.toBeUndefined();
});

test("a listener that throws stops nobody", async () => {
  const ann = await member({ room: newRoom() });
  const uncaught = new Promise<unknown>(resolve => {
    const before = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", error => {
      for (const listener of before) process.on("uncaughtException", listener);
      resolve(error);
    });
  });
  ann.on("message", () => {
    throw new Error("of a listener");
  });
  const heard = ann.once("message");
  await ann.send("room", 1);
  expect((await heard).data).toBe(1);
  expect(await uncaught).toMatchObject({ message: "of a listener" });
});

test("events are read in a loop, to the last one", async () => {
  const ann = await member({ room: newRoom() });
  const types: string[] = [];
  const events = ann.events();
  await ann.set("k", 1);
  await ann.leave();
  for await (const { type } of events) types.push(type);
  expect(types.filter(type => type !== "joined")).toEqual(["state", "status", "closed"]);
  await expect(ann.ping()).rejects.toMatchObject({ name: "ClosedError", code: "closed" });
});

test("frames that come before anybody reads wait, and a loop that is too slow is told", async () => {
  const name = newRoom();
  const [ann, ben] = [await member({ room: name, user: "ann" }), await member({ room: name, user: "ben" })];
  const publisher = await ann.publish("d", "data", { delivery: "reliable", history: true });
  for (let byte = 0; byte < 5; byte += 1) publisher.send(new Uint8Array([byte]));
  await ann.ping();
  const subscription = await ben.subscribe("d", { queueMax: 3 });
  const last = publisher.send(new Uint8Array([5]));
  expect(last).toBe("sent");
  await ann.ping();
  await ben.ping();
  expect(subscription.letGo).toBe(3);
  const heard = new Promise<number>(resolve => {
    const seen: number[] = [];
    subscription.on("frame", ({ seq }) => seen.push(seq) === 3 && resolve(seen[0] ?? -1));
  });
  expect(await heard).toBe(3);
});

test("two subscriptions of one pattern end one by one", async () => {
  const name = newRoom();
  const [ann, ben] = [await member({ room: name, user: "ann" }), await member({ room: name, user: "ben" })];
  const publisher = await ann.publish("d", "data");
  const [first, second] = [await ben.subscribe("d"), await ben.subscribe(["d", "e*"])];
  expect([first, second].map(({ streams }) => streams.length)).toEqual([1, 1]);
  await first.end();
  const frame = second.once("frame");
  publisher.send(new Uint8Array([7]));
  expect([...(await frame).payload]).toEqual([7]);
  await second.end();
  expect(second.streams).toEqual([]);
});

test("a name that is published again gives way to the new stream", async () => {
  const ann = await member({ room: newRoom() });
  const first = await ann.publish("d", "data");
  const ended = first.once("ended");
  const second = await ann.publish("d", "data");
  expect((await ended).reason).toBe("replaced");
  expect([first.state, second.state]).toEqual(["ended", "live"]);
});

test("a publisher whose line is full says so and waits until it is not", async () => {
  const ann = await member({ room: newRoom() });
  const publisher = await ann.publish("d", "data", { bufferedMax: 100_000 });
  let sent: string;
  do sent = publisher.send(new Uint8Array(500_000));
  while (sent === "sent");
  expect(sent).toBe("full");
  await publisher.drained();
  expect(publisher.send(new Uint8Array(1))).toBe("sent");
});
