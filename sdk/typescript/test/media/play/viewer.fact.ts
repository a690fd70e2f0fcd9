// A viewer in Chromium: late, hidden, with a broken stream, with the sound held back.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Page } from "../../client/browser/chromium.ts";
import { atEnd } from "../../client/relay/members.ts";
import { Line } from "../../client/relay/proxy.ts";
import { newRoom, sharedApp } from "../../client/relay/relay.ts";
import { FactPages } from "./facts.ts";
import { publish } from "./pages.ts";

let pages: FactPages;

beforeAll(async () => {
  pages = await FactPages.start();
});

afterAll(() => pages?.close());

const H264 = "avc1.42e01f";

/** Plays the publisher until so many pictures were seen. */
async function see(page: Page, count: number): Promise<void> {
  await page.run(async count => {
    kept.viewer ??= tools.view(kept.room, { user: "ann" });
    await kept.viewer.saw(kept.viewer.seen.length + count);
  }, count);
}

/** Waits until the player is there. */
function reached(page: Page, state: string): Promise<string[]> {
  return page.run(async state => {
    const { player, states } = kept.viewer;
    while (player.state !== state) await player.once("state");
    return states;
  }, state);
}

test("a viewer ten seconds late sees the newest picture first", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  // One keyframe at the beginning, and then only those that are asked for.
  await publish(ann, "cam", { codec: H264, gopMs: 3_600_000 });
  await ann.run(async () => {
    while ((kept.numbers["cam"]?.drawnAtMs.length ?? 0) < 300) await new Promise(requestAnimationFrame);
  });
  await see(ben, 1);
  const [first, startedAtMs] = await ben.run(() => [kept.viewer.seen[0], kept.viewer.startedAtMs] as const);
  const drawn = await ann.run(() => kept.numbers["cam"]?.drawnAtMs ?? []);
  expect(first?.n).toBeGreaterThan(290);
  expect((first?.atMs ?? Infinity) - (drawn[first?.n ?? 0] ?? 0)).toBeLessThan(400);
  expect((first?.atMs ?? Infinity) - startedAtMs).toBeLessThan(2000);
});

test("a viewer of a long group of pictures sees none of the old ones", async () => {
  const name = newRoom();
  const [ann, eve, ben] = [
    await pages.seat(name, "ann"),
    await pages.seat(name, "eve"),
    await pages.seat(name, "ben"),
  ];
  await publish(ann, "cam", { codec: H264, gopMs: 3_600_000 });
  await see(eve, 24);
  await see(ben, 20);
  const [seen, startedAtMs] = await ben.run(() => [kept.viewer.seen, kept.viewer.startedAtMs] as const);
  const drawn = await ann.run(() => kept.numbers["cam"]?.drawnAtMs ?? []);
  // Nothing that was drawn long before the viewer came.
  expect(startedAtMs - (drawn[seen[0]?.n ?? 0] ?? 0)).toBeLessThan(400);
});

test("a size that changes is told, and shown", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await publish(ann, "cam", { codec: "vp8" });
  await see(ben, 3);
  const size = ben.run(() => kept.viewer.player.once("size"));
  await ann.run(() => kept.numbers["cam"]?.resize(320, 180));
  expect(await size).toEqual({ width: 320, height: 180 });
  await see(ben, 2);
  expect(await ben.run(() => kept.viewer.seen.at(-1))).toMatchObject({ width: 320, height: 180 });
});

test("a stream that is published again goes on, with another codec", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await publish(ann, "cam", { codec: "vp8" });
  await see(ben, 5);
  await ann.run(() => kept.numbers["cam"]?.stop());
  await publish(ann, "cam", { codec: H264, width: 320, height: 180 });
  await ben.run(async () => {
    while (kept.viewer.canvas.width !== 320) await kept.viewer.player.once("size");
  });
  await see(ben, 5);
  expect(await ben.run(() => kept.viewer.player.state)).toBe("playing");
});

test("a broken frame is passed over: a keyframe is asked for", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await publish(ann, "cam", { codec: "vp8", gopMs: 3_600_000 });
  await see(ben, 5);
  await ann.run(() => kept.numbers["cam"]?.spoil(1));
  await see(ben, 20);
  expect(await ben.run(() => kept.viewer.player.state)).toBe("playing");
});

test("a stream of nothing but broken frames ends with decode_failed", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await publish(ann, "cam", { codec: "vp8", gopMs: 3_600_000 });
  await see(ben, 5);
  await ann.run(() => kept.numbers["cam"]?.spoil(Infinity));
  expect((await reached(ben, "ended")).at(-1)).toBe("ended decode_failed");
  const left = await ann.run(async () => {
    const { publisher } = kept.numbers["cam"] ?? {};
    while (publisher?.watched) await publisher.once("watched");
    return publisher?.watched;
  });
  expect(left).toBe(false);
});

test("a player that is ended takes its subscription back", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await publish(ann, "cam", { codec: "vp8" });
  await see(ben, 2);
  await ben.run(() => kept.viewer.player.end());
  await ann.run(async () => {
    const { publisher } = kept.numbers["cam"] ?? {};
    while (publisher?.watched) await publisher.once("watched");
  });
  expect(await ben.run(() => kept.viewer.states)).toEqual(["playing", "ended"]);
});

test("a player that is ended leaves nothing behind", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await publish(ann, "cam", { codec: "vp8" });
  await ann.run(async () => {
    kept.clicks = await tools.clicks(kept.room, "mic");
  });
  const left = await ben.run(async () => {
    const left: string[] = [];
    const timers = new Set<unknown>();
    const { setInterval: set, clearInterval: clear } = globalThis;
    globalThis.setInterval = ((run: () => void, ms: number) => {
      const timer = set(run, ms);
      timers.add(timer);
      return timer;
    }) as typeof setInterval;
    globalThis.clearInterval = ((timer?: number) => {
      timers.delete(timer);
      clear(timer);
    }) as typeof clearInterval;
    const { terminate } = Worker.prototype;
    Worker.prototype.terminate = function () {
      left.push("worker ended");
      terminate.call(this);
    };
    globalThis.AudioContext = class extends AudioContext {
      constructor(options?: AudioContextOptions) {
        super(options);
        this.addEventListener("statechange", () => left.push(`sound ${this.state}`));
      }
    };
    kept.viewer = tools.view(kept.room, { user: "ann" });
    await kept.viewer.saw(3);
    const { player } = kept.viewer;
    while (player.state !== "blocked") await player.once("state");
    player.end();
    while (!left.includes("sound closed")) await new Promise(requestAnimationFrame);
    const seen = kept.viewer.seen.length;
    await kept.room.ping();
    return [...left, `${timers.size} timers`, `${kept.viewer.seen.length - seen} more pictures`];
  });
  expect(left).toEqual(["worker ended", "sound closed", "0 timers", "0 more pictures"]);
});

test("a publisher that goes away is waited for, and played when it is back", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await publish(ann, "cam", { codec: "vp8" });
  await see(ben, 2);
  await ann.run(() => kept.numbers["cam"]?.stop());
  await reached(ben, "waiting");
  await publish(ann, "cam", { codec: "vp8" });
  await reached(ben, "playing");
});

test("sound that the browser holds back is `blocked`, and plays by a click", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await publish(ann, "cam", { codec: "vp8" });
  await ann.run(async () => {
    kept.clicks = await tools.clicks(kept.room, "mic");
  });
  await see(ben, 2);
  await reached(ben, "blocked");
  await see(ben, 10);
  const refused = await ben.run(() => kept.viewer.player.start().catch(({ code }) => code));
  expect(refused).toBe("playback_blocked");
  await ben.run(() => {
    const button = document.body.appendChild(document.createElement("button"));
    button.style.cssText = "position:fixed;inset:0";
    button.onclick = () => kept.viewer.player.start();
  });
  for (const type of ["mousePressed", "mouseReleased"]) {
    await ben.send("Input.dispatchMouseEvent", { type, x: 20, y: 20, button: "left", clickCount: 1 });
  }
  await reached(ben, "playing");
  await see(ben, 5);
});

test("a viewer whose line is cut sees on when it is back", async () => {
  const name = newRoom();
  const line = await Line.to(sharedApp().url);
  atEnd(() => line.close());
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben", { url: line.url })];
  await publish(ann, "cam", { codec: "vp8" });
  await see(ben, 5);
  const back = ben.run(() => kept.room.once("reconnected").then(() => true));
  line.cut();
  await back;
  await see(ben, 10);
  expect(await ben.run(() => kept.viewer.player.state)).toBe("playing");
});

test("frames and streams of another convention are passed over", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await ann.run(async () => {
    for (const meta of ["", "<b>markup</b>", '{"container":"cmaf","codec":"vp8"}']) {
      await kept.room.publish(`other-${meta.length}`, "video", { meta });
    }
  });
  await publish(ann, "cam", { codec: "vp8" });
  await see(ben, 3);
  await ann.run(() => {
    const { publisher } = kept.numbers["cam"] ?? {};
    for (const bytes of [[], [9, 16, 192], [0, 1, 2]])
      publisher?.send(new Uint8Array(bytes), { keyframe: true });
  });
  await see(ben, 10);
  expect(await ben.run(() => [kept.viewer.player.stats.invalid, kept.viewer.states])).toEqual([
    3,
    ["playing"],
  ]);
});

test("a browser without a decoder for sound shows the picture", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await publish(ann, "cam", { codec: "vp8" });
  await ann.run(async () => {
    kept.clicks = await tools.clicks(kept.room, "mic");
  });
  await ben.run(() => {
    delete (globalThis as { AudioDecoder?: unknown }).AudioDecoder;
    globalThis.AudioContext = class extends AudioContext {
      constructor(options?: AudioContextOptions) {
        super(options);
        kept.viewer.states.push("sound begins");
      }
    };
  });
  await see(ben, 10);
  expect(await ben.run(() => kept.viewer.states)).toEqual(["playing"]);
});

test("a room that is over plays nothing", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await publish(ann, "cam", { codec: "vp8" });
  await see(ben, 2);
  const states = await ben.run(async () => {
    await kept.room.leave();
    const { player, states } = kept.viewer;
    const late = tools.play(kept.room, {
      user: "ann",
      canvas: document.createElement("canvas"),
      worker: "/media-worker.js",
    });
    await late.once("state");
    return [...states, player.state, late.state];
  });
  expect(states).toEqual(["playing", "ended", "ended", "ended"]);
});

for (const way of ["MediaStreamTrackGenerator", "captureStream"]) {
  test(`a picture in a <video> plays, by ${way}`, async () => {
    const name = newRoom();
    const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
    await publish(ann, "cam", { codec: "vp8" });
    const size = await ben.run(async way => {
      if (way === "captureStream") Reflect.deleteProperty(globalThis, "MediaStreamTrackGenerator");
      const element = document.body.appendChild(document.createElement("video"));
      const player = tools.play(kept.room, { user: "ann", element, worker: "/media-worker.js" });
      for (let n = 0; n < 5 || element.videoWidth !== 640; n += 1) {
        await new Promise(resolve => element.requestVideoFrameCallback(resolve));
      }
      const size = [element.videoWidth, element.videoHeight, element.muted];
      player.end();
      return [...size, element.srcObject];
    }, way);
    expect(size).toEqual([640, 360, false, null]);
  });
}

test("a hidden page decodes no picture, and leaves it after ten seconds", async () => {
  const name = newRoom();
  const [ann, ben] = [await pages.seat(name, "ann"), await pages.seat(name, "ben")];
  await publish(ann, "cam", { codec: "vp8", gopMs: 3_600_000 });
  await see(ben, 5);
  const other = await pages.seat(name, "eve", { beside: ben });
  await other.front();
  const hidden = await ben.run(async () => {
    while (document.visibilityState !== "hidden") {
      await new Promise(resolve => document.addEventListener("visibilitychange", resolve, { once: true }));
    }
    return kept.viewer.seen.length;
  });
  const left = await ann.run(async () => {
    const { publisher } = kept.numbers["cam"] ?? {};
    const atMs = performance.now();
    while (publisher?.watched) await publisher.once("watched");
    return performance.now() - atMs;
  });
  // Ten seconds, and the time for which the relay lets a stream linger.
  expect(left).toBeGreaterThan(9000);
  expect(await ben.run(() => kept.viewer.seen.length)).toBeLessThanOrEqual(hidden + 1);
  await ben.front();
  await see(ben, 5);
});
