// The pure parts of the client: backoff, closes, silence, own streams, what is heard, renewal.
import { expect, test } from "vitest";
import closes from "../../../../spec/vectors/wire/closes.json" with { type: "json" };
import frames from "../../../../spec/vectors/wire/frames.json" with { type: "json" };
import messages from "../../../../spec/vectors/wire/messages.json" with { type: "json" };
import { delayMs } from "../../src/client/backoff.ts";
import { nextAfter } from "../../src/client/close.ts";
import { CONTROL_BYTES_MAX } from "../../src/client/connection.ts";
import { RELAY_EVENTS } from "../../src/client/event.ts";
import { dataFrame, said } from "../../src/client/heard.ts";
import { type Own, regranted } from "../../src/client/own.ts";
import { Renewal } from "../../src/client/renewal.ts";
import { Silence } from "../../src/client/silence.ts";
import { relayUrl } from "../../src/client/socket.ts";
import { LIMITS } from "../../src/spec.ts";

test("the first try comes soon and later ones back off up to a bound", () => {
  expect(delayMs("now", 1, 0)).toBe(0);
  expect(delayMs("now", 1, 1)).toBe(300);
  expect(delayMs("token", 1, 1)).toBe(300);
  expect(delayMs("later", 1, 0)).toBe(250);
  const pauses = [1, 2, 3, 4, 5, 6].map(attempt => delayMs("later", attempt, 0.5));
  expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
  expect(delayMs("later", 1000, 1)).toBe(20_000);
  expect(delayMs("now", 2, 1, { firstMs: 10, maxMs: 15 })).toBe(15);
});

test("every close of the vectors says what is next, by its range", () => {
  for (const { code, next } of closes.cases) expect(nextAfter(code), String(code)).toBe(next);
  const others = {
    0: "later",
    1000: "later",
    1002: "stop",
    1006: "later",
    1008: "stop",
    1011: "later",
    4099: "now",
  };
  for (const [code, next] of Object.entries(others)) expect(nextAfter(Number(code)), code).toBe(next);
  expect([4199, 4299, 4399, 4400].map(nextAfter)).toEqual(["later", "token", "stop", "later"]);
});

test("data frames of the vectors are read, written again, or refused", () => {
  for (const { name, hex, keyframe, stream, payload_bytes, error } of frames.cases) {
    const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
    if (error !== undefined) {
      expect(() => said(bytes.buffer), name).toThrow();
      continue;
    }
    const frame = said(bytes.buffer);
    expect(frame, name).toMatchObject({ is: "frame", keyframe, stream });
    if (frame.is !== "frame") throw new Error("unreachable");
    expect(frame.payload.length, name).toBe(payload_bytes);
    expect(dataFrame(frame.stream, frame.keyframe, frame.payload), name).toEqual(bytes);
  }
});

/** The end of a login's lists, and what a publisher hears of its stream. */
const NOT_OF_THE_ROOM = ["listed", "keyframeWanted", "watched"];

test("every event of the vectors is read in camel case and known", () => {
  for (const wire of messages.events) {
    const event = said(JSON.stringify(wire));
    if (event.is !== "event") throw new Error(`not an event: ${wire.ev}`);
    expect(RELAY_EVENTS.has(event.name), event.name).toBe(!NOT_OF_THE_ROOM.includes(event.name));
    expect(Object.keys(event.event).join()).not.toMatch(/_/);
  }
});

test("what an application sent keeps its names", () => {
  const data = { snake_case: [{ a_b: 1 }] };
  const message = said(JSON.stringify({ ev: "message", to: "room", data, at_ms: 5 }));
  expect(message).toMatchObject({ name: "message", event: { data, atMs: 5 } });
  expect(() => said("[]")).toThrow();
  expect(() => said("{}")).toThrow();
});

test("a silent relay is asked, and what is heard begins the wait again", () => {
  const silence = new Silence(40);
  expect(silence.stepMs).toBe(10);
  expect([silence.step(), silence.step(), silence.step()]).toEqual([false, false, false]);
  silence.heard();
  expect([1, 2, 3, 4].map(() => silence.step())).toEqual([false, false, false, true]);
});

function own(): Own[] {
  const stream = (stream: string, kind: "audio" | "video" | "data", again: boolean, number: number): Own => ({
    request: { op: "publish", stream, kind },
    again,
    held: "live",
    number,
  });
  // The first is the newest.
  return [
    stream("mic", "audio", true, 10),
    stream("cam", "video", true, 9),
    stream("chat", "data", false, 8),
  ];
}

function grants(streams: string[], kinds: ("audio" | "video" | "data")[], streams_max: number) {
  return { publish: { streams, kinds, streams_max } };
}

function names({ denied, asked }: { denied: Own[]; asked: Own[] }) {
  return [denied.map(({ request }) => request.stream), asked.map(({ request }) => request.stream)];
}

test("what may not be published ends and begins again unless it is to end", () => {
  const all = own();
  expect(names(regranted(all, grants(["*"], ["video"], 8)))).toEqual([["chat", "mic"], []]);
  expect(all.map(({ held }) => held)).toEqual(["denied", "live", "denied"]);
  expect(names(regranted(all, grants(["c*"], ["audio", "video", "data"], 8)))).toEqual([[], []]);
  expect(names(regranted(all, grants(["*"], ["audio", "video", "data"], 8)))).toEqual([[], ["mic"]]);
  expect(names(regranted(all, grants(["*"], ["audio", "video", "data"], 8)))).toEqual([[], []]);
});

test("of too many streams the newest end", () => {
  const all = own();
  expect(names(regranted(all, grants(["*"], ["audio", "video", "data"], 2)))).toEqual([["mic"], []]);
  all.splice(1, 1);
  expect(names(regranted(all, grants(["*"], ["audio", "video", "data"], 2)))).toEqual([[], ["mic"]]);
});

test("the notice of one end is obeyed once and that of a later end again", () => {
  const renewal = new Renewal();
  const why = (exp: number) => renewal.why({ type: "tokenExpiring", event: { exp, now: 0 } });
  expect([100, 100, 99, 160].map(why)).toEqual(["expiring", undefined, undefined, "expiring"]);
  expect(renewal.why({ type: "tokenRevoked", event: { until: 1, now: 0 } })).toBe("revoked");
  expect(renewal.why({ type: "tokenExpired", event: { until: 1, now: 0 } })).toBe("expired");
});

test("an address with a query, a fragment or a password is refused", () => {
  expect(relayUrl("https://rooms.example.com/v1/connect")).toBe("wss://rooms.example.com/v1/connect");
  expect(relayUrl("http://h:1/x")).toBe("ws://h:1/x");
  for (const url of [
    "wss://h/x?token=1",
    "wss://h/x#t",
    "wss://u:p@h/x",
    "ftp://h/x",
    "/v1/connect",
    "nonsense",
  ]) {
    expect(() => relayUrl(url), url).toThrow(expect.objectContaining({ code: "url_invalid", next: "stop" }));
  }
});

test("the client's own bounds are those of the specification", () => {
  expect(CONTROL_BYTES_MAX).toBe(LIMITS.control_bytes_max);
});
