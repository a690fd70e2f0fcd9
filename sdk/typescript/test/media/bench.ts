// Measures how long picture and sound take from one page to another over a relay, in Chromium, and writes it as text:
//   STAGEDOOR_BIN=target/release/stagedoor node sdk/typescript/test/media/bench.ts [seconds] [glass] [ear] [slow]
import { loadavg } from "node:os";
import type { Page } from "../client/browser/chromium.ts";
import { newRoom, Relay } from "../client/relay/relay.ts";
import { Pages, publish } from "./play/pages.ts";
import { SlowLine } from "./play/slow.ts";

const SECONDS = Number(process.argv[2] ?? 10);
const measures = (part: string) => process.argv.length <= 3 || process.argv.includes(part, 3);
/** Nothing is measured before. */
const SETTLE_S = 3;
const H264 = "avc1.42e01f";

const wait = (seconds: number) => new Promise(resolve => setTimeout(resolve, seconds * 1000));
const print = (...cells: (string | number)[]) => {
  const [first = "", ...rest] = cells;
  const text = rest.map(cell => (typeof cell === "number" ? cell.toFixed(0) : cell).padStart(10)).join("");
  process.stdout.write(`${String(first).padEnd(52)}${text}\n`);
};

/** So many of 100 are at most this. */
function percentile(list: readonly number[], percent: number): number {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? Number.NaN;
}

function row(title: string, delays: readonly number[], ...more: (string | number)[]): void {
  print(title, percentile(delays, 50), percentile(delays, 95), ...more, (loadavg()[0] ?? 0).toFixed(1));
}

/** A publisher and a viewer of one room, the viewer on a line of so many kbit/s; both are gone afterwards. */
async function pair(
  pages: Pages,
  run: (ann: Page, ben: Page) => Promise<void>,
  kbits = Number.POSITIVE_INFINITY,
): Promise<void> {
  const name = newRoom();
  const line = await SlowLine.to(relay.app.url, kbits);
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben", { url: line.url })];
  await run(ann, ben);
  await Promise.all([ann.close(), ben.close()]);
  await line.close();
}

/** Watches numbers, and says how old each was when it stood on the canvas. */
async function glass(title: string, ann: Page, ben: Page): Promise<void> {
  const firstMs = await ben.run(async () => {
    kept.viewer = tools.view(kept.room, { user: "ann" });
    await kept.viewer.saw(1);
    return (kept.viewer.seen[0]?.atMs ?? Number.NaN) - kept.viewer.startedAtMs;
  });
  await wait(SETTLE_S);
  await ben.run(() => {
    kept.glass = tools.glass(kept.viewer);
  });
  await wait(SECONDS);
  const shown = await ben.run(() => kept.glass);
  const drawn = await ann.run(() => kept.drawnAtMs ?? kept.numbers["cam"]?.drawnAtMs);
  // The first was there before anybody looked.
  const delays = shown.slice(1).map(({ n, atMs }) => atMs - (drawn[n] ?? Number.NaN));
  row(title, delays, delays.length / SECONDS, firstMs);
}

async function ear(title: string, ann: Page, ben: Page): Promise<void> {
  await ann.run(async () => {
    kept.clicks = await tools.clicks(kept.room, "mic");
  });
  await ben.run(() => {
    kept.heard = tools.listen();
    kept.viewer = tools.view(kept.room, { user: "ann" });
  });
  await wait(SETTLE_S + SECONDS);
  const { heard, deviceMs } = await ben.run(() => ({ heard: kept.heard, deviceMs: tools.deviceMs() }));
  const late = heard.slice(SETTLE_S * 2).map(({ lateMs }) => lateMs);
  row(`${title} (of it the device ${deviceMs.toFixed(0)} ms)`, late);
}

/** A viewer on a line that is too slow: how far behind picture and sound are, and when the small layer is shown. */
async function slow(title: string, withLow: boolean, ann: Page, ben: Page): Promise<void> {
  await publish(ann, "cam", { ...LARGE, bitrate: 1_500_000 });
  if (withLow) await publish(ann, "cam.low", { ...SMALL, bitrate: 150_000, meta: { of: "cam", layer: 1 } });
  await ann.run(async () => {
    kept.clicks = await tools.clicks(kept.room, "mic");
  });
  await ben.run(() => {
    kept.heard = tools.listen();
    kept.viewer = tools.view(kept.room, { user: "ann" });
  });
  await wait(SETTLE_S * 2 + SECONDS);
  const { seen, heard, layers, startedAtMs, lost } = await ben.run(() => {
    const { seen, layers, startedAtMs, player } = kept.viewer;
    return { seen, layers, startedAtMs, heard: kept.heard, lost: player.stats.lost };
  });
  const drawn = await ann.run(() => [kept.numbers["cam"]?.drawnAtMs, kept.numbers["cam.low"]?.drawnAtMs]);
  const fromMs = startedAtMs + SETTLE_S * 2000;
  const pictures = seen
    .filter(({ atMs }) => atMs > fromMs)
    .map(({ n, atMs, width }) => atMs - (drawn[width === LARGE.width ? 0 : 1]?.[n] ?? Number.NaN));
  const low = layers.find(({ layer }) => layer === 1);
  row(`${title}: picture`, pictures, low ? low.atMs - startedAtMs : "-", lost);
  // A click that comes more than half a second late cannot be told from the next one.
  row(
    `${title}: sound`,
    heard.filter(({ atMs }) => atMs > fromMs).map(({ lateMs }) => lateMs),
    "-",
    "-",
  );
}

const LARGE = { codec: H264, width: 640, height: 360 };
const SMALL = { codec: H264, width: 320, height: 180 };

async function allGlass(): Promise<void> {
  print("glass to glass, ms", "p50", "p95", "shown/s", "first ms", "load");
  for (const [width, height] of [
    [640, 360],
    [1280, 720],
  ] as const) {
    await pair(pages, async (ann, ben) => {
      await publish(ann, "cam", { codec: H264, width, height, bitrate: 1_500_000 });
      await glass(`${height} lines of H.264, from a bare encoder`, ann, ben);
    });
    await pair(pages, async (ann, ben) => {
      await ann.run(
        async (width, height) => {
          kept.drawnAtMs = await tools.canvasNumbers(kept.room, "cam", width, height);
        },
        width,
        height,
      );
      await glass(`${height} lines, from publishCanvas`, ann, ben);
    });
  }
}

const relay = await Relay.start();
process.env["STAGEDOOR_TEST_RELAY"] = JSON.stringify(relay.app);
const pages = await Pages.start("--autoplay-policy=no-user-gesture-required");
try {
  if (measures("glass")) await allGlass();
  if (measures("ear")) {
    print("mouth to ear, ms", "p50", "p95", "load");
    await pair(pages, (ann, ben) => ear("20 ms frames of Opus", ann, ben));
  }
  if (measures("slow")) {
    print("1.5 Mbit/s on a line of 1, ms", "p50", "p95", "low after", "lost", "load");
    await pair(pages, (ann, ben) => slow("with a small layer", true, ann, ben), 1000);
    await pair(pages, (ann, ben) => slow("without", false, ann, ben), 1000);
  }
} finally {
  await pages.close();
  await relay.stop();
}
