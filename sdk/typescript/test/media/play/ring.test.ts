// The ring of sound: what was written is read at its time, and gaps fade.
import { expect, test } from "vitest";
import { RingMemory, RingReader, RingWriter, steer } from "../../../src/media/play/ring.ts";

const RATE = 48_000;
const T = 1_800_000_000_000;
const PER_MS = 48;

function ring(bufferMs = 60, maxMs = 400, memory = new RingMemory(RATE)) {
  return { writer: new RingWriter(memory), reader: new RingReader(memory, bufferMs, maxMs), memory };
}

/** So much sound of one loudness. */
const sound = (ms: number, value = 0.5) => [new Float32Array(ms * PER_MS).fill(value)];

function read(reader: RingReader, ms: number): Float32Array {
  const out = new Float32Array(Math.round(ms * PER_MS));
  for (let n = 0; n < out.length; n += 48) reader.read([out.subarray(n, n + 48)]);
  return out;
}

/** The largest step between two samples. */
const step = (samples: Float32Array) =>
  samples.reduce((max, sample, n) => Math.max(max, n ? Math.abs(sample - (samples[n - 1] ?? 0)) : 0), 0);
/** What a fade of half a loudness over 5 ms may step. */
const FADE = 0.5 / (5 * PER_MS) + 1e-6;

test("nothing is heard before as much waits as is held back", () => {
  const { writer, reader } = ring();
  writer.write(T, sound(40));
  expect(read(reader, 10).every(sample => sample === 0)).toBe(true);
  writer.write(T + 40, sound(20));
  const heard = read(reader, 20);
  expect(heard.at(-1)).toBeCloseTo(0.5);
  expect(reader.mediaMs).toBeCloseTo(T + 20, 3);
  expect(reader.waitingMs).toBeCloseTo(40, 3);
});

test("what has gathered beyond the delay is not played late", () => {
  const { writer, reader } = ring();
  writer.write(T, sound(150));
  read(reader, 1);
  expect(reader.mediaMs).toBeCloseTo(T + 91, 3);
  expect(reader.droppedMs).toBeCloseTo(90, 3);
});

test("sound begins and ends with a fade of 5 ms", () => {
  const { writer, reader } = ring();
  writer.write(T, sound(60));
  const heard = read(reader, 80);
  expect(step(heard)).toBeLessThan(FADE * 2);
  expect(heard[30 * PER_MS]).toBeCloseTo(0.5);
  expect(heard.subarray(61 * PER_MS).every(sample => sample === 0)).toBe(true);
  expect([reader.underruns, reader.isPlaying]).toEqual([1, false]);
});

test("after a gap it waits until enough is there again", () => {
  const { writer, reader } = ring();
  writer.write(T, sound(60));
  read(reader, 70);
  writer.write(T + 60, sound(40));
  expect(read(reader, 10).every(sample => sample === 0)).toBe(true);
  writer.write(T + 100, sound(40));
  expect(read(reader, 20).at(-1)).toBeCloseTo(0.5);
});

test("sound that is missing is silence of its length, with fades", () => {
  const { writer, reader } = ring(160);
  writer.write(T, sound(60));
  writer.write(T + 100, sound(60));
  const heard = read(reader, 140);
  // The end of what waits fades as well, in case nothing more comes.
  expect(step(heard)).toBeLessThan(FADE * 2);
  expect(heard.subarray(61 * PER_MS, 99 * PER_MS).every(sample => sample === 0)).toBe(true);
  expect(heard[50 * PER_MS]).toBeCloseTo(0.5);
  expect(heard[110 * PER_MS]).toBeCloseTo(0.5);
  expect(reader.mediaMs).toBeCloseTo(T + 140, 1);
});

test("sound that comes twice is heard once", () => {
  const { writer, reader } = ring();
  writer.write(T, sound(60));
  writer.write(T + 20, sound(20));
  expect(reader.waitingMs).toBe(60);
});

test("timestamps that shake make no gap", () => {
  const { writer, reader } = ring(800, 2000);
  for (let n = 0; n < 40; n += 1) writer.write(T + n * 20 + (n % 2 ? 4 : 0), sound(20));
  expect(reader.waitingMs).toBe(800);
  const heard = read(reader, 700);
  expect(heard.subarray(10 * PER_MS).every(sample => Math.abs(sample - 0.5) < 1e-6)).toBe(true);
});

test("timestamps that drift make no gap", () => {
  const { writer, reader } = ring(40, 2000);
  writer.write(T, sound(20));
  // The publisher's device is slower than its clock by a thousandth, for 40 seconds.
  for (let n = 1; n < 2000; n += 1) {
    writer.write(T + n * 20.02, sound(20));
    read(reader, 20);
  }
  expect(reader.waitingMs).toBeCloseTo(20, 3);
  expect(reader.mediaMs).toBeCloseTo(T + 1999 * 20.02, -1);
});

test("another time begins without silence", () => {
  const { writer, reader } = ring(120);
  writer.write(T, sound(60));
  writer.write(T + 60_000, sound(60));
  expect(reader.waitingMs).toBe(120);
  read(reader, 80);
  expect(reader.mediaMs).toBeCloseTo(T + 60_020, 1);
});

test("above the largest delay the oldest goes, with a fade", () => {
  const { writer, reader } = ring();
  writer.write(T, sound(60));
  const before = read(reader, 20);
  for (let n = 3; n < 30; n += 1) writer.write(T + n * 20, sound(20, n < 25 ? 0.5 : -0.5));
  const heard = read(reader, 40);
  expect(step(Float32Array.of(...before, ...heard))).toBeLessThan(FADE * 2);
  expect(before.at(-1)).toBeCloseTo(0.5);
  expect(heard.at(-1)).toBeCloseTo(-0.5);
  expect(reader.waitingMs).toBeLessThan(100);
  expect(reader.droppedMs).toBeGreaterThan(400);
  expect(reader.underruns).toBe(0);
});

test("a ring that nobody read begins with its newest", () => {
  const { writer, reader } = ring();
  for (let n = 0; n < 500; n += 1) writer.write(T + n * 20, sound(20));
  read(reader, 10);
  expect(reader.mediaMs).toBeCloseTo(T + 10_000 - 60 + 10, 1);
});

test("sound that is early waits, and late sound leaves something out", () => {
  const { writer, reader } = ring(240);
  for (let n = 0; n < 12; n += 1) writer.write(T + n * 20, sound(20));
  read(reader, 20);
  reader.steer(steer(50));
  const held = read(reader, 60);
  expect(step(held)).toBeLessThan(FADE * 2);
  expect(reader.mediaMs).toBeCloseTo(T + 30, 0);
  reader.steer(steer(-50));
  read(reader, 20);
  expect(reader.mediaMs).toBeCloseTo(T + 100, 0);
});

test("a little too early or late is played a little slower or faster", () => {
  expect(steer(4)).toEqual({ rate: 1, jumpMs: 0 });
  expect(steer(20)).toEqual({ rate: 0.995, jumpMs: 0 });
  expect(steer(-20)).toEqual({ rate: 1.005, jumpMs: 0 });
  expect(steer(41)).toEqual({ rate: 1, jumpMs: 41 });
  const { writer, reader } = ring(1300, 2000);
  writer.write(T, sound(1300));
  reader.steer(steer(20));
  read(reader, 1000);
  expect(reader.mediaMs).toBeCloseTo(T + 995, 0);
});

test("one channel is heard on both sides, two each on its own", () => {
  const { writer, reader } = ring(40);
  writer.write(T, sound(20, 0.25));
  writer.write(T + 20, [...sound(20, 0.5), ...sound(20, -0.5)]);
  const [left, right] = [new Float32Array(30 * PER_MS), new Float32Array(30 * PER_MS)];
  reader.read([left, right]);
  expect([left[10 * PER_MS], right[10 * PER_MS]]).toEqual([0.25, 0.25]);
  expect([left[28 * PER_MS], right[28 * PER_MS]]).toEqual([0.5, -0.5]);
});

test("both ends work on shared memory", () => {
  const memory = new RingMemory(RATE, new SharedArrayBuffer(RingMemory.bytes));
  const { reader } = ring(60, 400, new RingMemory(RATE, memory.buffer));
  new RingWriter(memory).write(T, sound(60));
  expect(reader.waitingMs).toBe(60);
  expect(read(reader, 20).at(-1)).toBeCloseTo(0.5);
});
