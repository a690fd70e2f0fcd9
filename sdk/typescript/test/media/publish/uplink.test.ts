// How long the line takes: by pings that are answered late, not at all, or never again; and the small pure parts.
import { expect, test } from "vitest";
import { Failures } from "../../../src/media/coding.ts";
import { Meter } from "../../../src/media/publish/meter.ts";
import { Uplink } from "../../../src/media/publish/uplink.ts";
import { Gather } from "../../../src/media/publish/worklet.ts";

/** A room whose pings are answered by hand. */
class Room {
  pings = 0;
  answer: (rttMs: number) => Promise<void> = async () => {};
  fail: () => Promise<void> = async () => {};

  ping(): Promise<{ rttMs: number }> {
    this.pings += 1;
    return new Promise((resolve, reject) => {
      const settled = async (settle: () => void) => {
        settle();
        await new Promise(setImmediate);
      };
      this.answer = rttMs => settled(() => resolve({ rttMs }));
      this.fail = () => settled(() => reject(new Error("lost")));
    });
  }
}

test("the delay is what a ping takes above the least", async () => {
  const room = new Room();
  const uplink = new Uplink(room);
  uplink.tick(0);
  await room.answer(40);
  expect(uplink.delayMs(40)).toBe(0);
  uplink.tick(499);
  expect(room.pings).toBe(1);
  uplink.tick(500);
  await room.answer(340);
  expect(uplink.delayMs(840)).toBe(300);
});

test("a ping that is out counts for as long as it is out, and only one is out", async () => {
  const room = new Room();
  const uplink = new Uplink(room);
  uplink.tick(0);
  await room.answer(40);
  uplink.tick(500);
  uplink.tick(1000);
  uplink.tick(1500);
  expect([room.pings, uplink.delayMs(1500)]).toEqual([2, 960]);
});

test("a line that is long is not taken for slow", async () => {
  const room = new Room();
  const uplink = new Uplink(room);
  uplink.tick(0);
  expect(uplink.delayMs(600)).toBe(0);
  await room.answer(600);
  uplink.tick(700);
  expect([uplink.delayMs(600), uplink.delayMs(1300), uplink.delayMs(1400)]).toEqual([0, 0, 100]);
});

test("what a line once took is forgotten after two minutes, and with the connection", async () => {
  const room = new Room();
  const uplink = new Uplink(room);
  uplink.tick(0);
  await room.answer(10);
  for (let second = 1; second <= 130; second += 1) {
    uplink.tick(second * 1000);
    await room.answer(310);
    if (second === 30) expect(uplink.delayMs(second * 1000)).toBe(300);
  }
  expect(uplink.delayMs(130_000)).toBe(0);
  uplink.tick(200_000);
  await room.fail();
  expect(uplink.delayMs(200_100)).toBe(0);
  uplink.tick(201_000);
  expect(room.pings).toBe(133);
});

test("what is under way counts as long as the full line took for as much", async () => {
  const room = new Room();
  const uplink = new Uplink(room);
  uplink.tick(0);
  await room.answer(10);
  // As long as the line was never full, nothing is known of it.
  uplink.sent(1_000_000);
  expect(uplink.delayMs(20)).toBe(0);
  uplink.tick(500);
  await room.answer(510);
  // 1,000,000 bytes in a second; the next ping follows at once.
  expect(uplink.delayMs(1010)).toBe(500);
  uplink.sent(30_000);
  uplink.tick(1011);
  await room.answer(40);
  expect([room.pings, uplink.delayMs(1051)]).toEqual([3, 30]);
  uplink.sent(100_000);
  expect(uplink.delayMs(1052)).toBe(100);
  // It lets pass more than it seemed.
  uplink.tick(1052);
  await room.answer(60);
  uplink.sent(100_000);
  expect(Math.round(uplink.delayMs(1112))).toBe(61);
  // After five seconds in which it was never full it is a line as any other.
  uplink.sent(1_000_000);
  expect([5999, 6010].map(ms => uplink.delayMs(ms) > 100)).toEqual([true, false]);
  uplink.tick(6010);
  await room.answer(10);
  uplink.tick(6020);
  expect(room.pings).toBe(5);
});

test("publishers of one room share one line", () => {
  const [room, other] = [new Room(), new Room()];
  expect(Uplink.of(room)).toBe(Uplink.of(room));
  expect(Uplink.of(room)).not.toBe(Uplink.of(other));
});

test("a meter says what was done since it was read", () => {
  const meter = new Meter(0);
  for (let frame = 0; frame < 30; frame += 1) meter.count(1000, 4, frame === 0);
  expect(meter.read(2000)).toEqual({ fps: 15, kbps: 120, encodeMs: 4, keyframes: 1 });
  expect(meter.read(3000)).toEqual({ fps: 0, kbps: 0, encodeMs: 0, keyframes: 1 });
});

test("three failures in ten seconds are too many", () => {
  const failures = new Failures();
  expect([0, 5000, 10_001, 14_000].map(ms => failures.add(ms))).toEqual([false, false, false, true]);
});

test("blocks of samples become frames, none lost, each with its place", () => {
  const gather = new Gather({ channels: 2, length: 960 });
  const heard: number[] = [];
  for (let block = 0; block < 15; block += 1) {
    const samples = Float32Array.from({ length: 128 }, (_, at) => block * 128 + at);
    for (const { channels, frame } of gather.add([samples], 5000 + block * 128)) {
      expect(frame).toBe(5000 + heard.length);
      expect(channels[1]).toEqual(channels[0]);
      heard.push(...(channels[0] ?? []));
    }
  }
  expect(heard).toEqual(Array.from({ length: 1920 }, (_, at) => at));
  expect(gather.add([], 0)).toEqual([]);
});
