// Browsers that have less, pages that may not, and what is said of it.
import { expect, test } from "vitest";
import { newRoom } from "../../client/relay/relay.ts";
import type { Lab } from "../lab.ts";
import { type Kept, member, publishes, says, sees, staged } from "./pages.ts";

declare const lab: Lab;
declare const kept: Kept;

const browser = staged(
  "--host-resolver-rules=MAP insecure.example 127.0.0.1",
  "--auto-select-desktop-capture-source=t",
);

/** The code of the error that a page meets. */
const code = (error: unknown) => /(\w+): /.exec(String(error).replace(/^.*MediaError: /s, ""))?.[1];

test("what this browser can is found by trying", async () => {
  const page = await browser.stage.page();
  const support = await page.evaluate(() => lab.media.support());
  expect(support).toMatchObject({
    publish: { video: true, audio: true, hidden: true },
    play: { video: true, audio: true },
  });
  expect(support.publish.codecs).toEqual(expect.arrayContaining(["h264", "vp8", "vp9"]));
  expect(support).not.toHaveProperty("why");
});

test("an encoder that only says that it can is none", async () => {
  const page = await browser.stage.page();
  const codecs = await page.evaluate(async () => {
    const { encode } = VideoEncoder.prototype;
    const { configure } = VideoEncoder.prototype;
    const isKind = new WeakSet<VideoEncoder>();
    VideoEncoder.prototype.configure = function (config) {
      if (config.codec.startsWith("avc1")) isKind.add(this);
      configure.call(this, config);
    };
    VideoEncoder.prototype.encode = function (frame, options) {
      if (!isKind.has(this)) encode.call(this, frame, options);
    };
    return (await lab.media.support()).publish.codecs;
  });
  expect(codecs).not.toContain("h264");
  expect(codecs).toContain("vp8");
});

test("without the better way pictures are taken from an element, until the tab is hidden", async () => {
  const room = newRoom();
  const [ann, ben] = await Promise.all([
    member(room, "ann", { without: ["MediaStreamTrackProcessor"] }),
    member(room, "ben"),
  ]);
  const support = await ann.evaluate(async () => {
    const { publish, why } = await lab.media.support();
    return { publish, why: why?.message };
  });
  expect(support).toMatchObject({
    publish: { video: true, hidden: false },
    why: expect.stringMatching(/^unsupported: .*hidden/),
  });
  await publishes(ann, { width: 320, height: 180 });
  const numbers = (await sees(ben, "cam", 20)).map(({ number }) => number);
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  expect(new Set(numbers).size).toBeGreaterThan(10);
  await ann.evaluate(() => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  expect(await says(ann, "hidden")).toBe(true);
  await ann.evaluate(() => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => false });
    document.dispatchEvent(new Event("visibilitychange"));
    kept.publisher.end();
    document.dispatchEvent(new Event("visibilitychange"));
  });
  expect(await ann.evaluate(() => kept.said.filter(([name]) => name === "hidden"))).toEqual([
    ["hidden", true],
    ["hidden", false],
  ]);
});

test("a page without https gets a code of its own", async () => {
  const { port } = new URL(browser.stage.url);
  const page = await browser.stage.page([], `http://insecure.example:${port}/`);
  expect(await page.evaluate(async () => (await lab.media.support()).why?.code)).toBe("insecure_context");
  const error = await page.evaluate(() => lab.media.devices.camera()).catch(error => error);
  expect(code(error)).toBe("insecure_context");
});

test("what the user does not allow, and devices that are not there, have their codes", async () => {
  const page = await browser.stage.page();
  const codes = await page.evaluate(async () => {
    const codeOf = (asked: Promise<unknown>) => asked.then(String, error => error.code as string);
    const missing = await codeOf(lab.media.devices.camera({ deviceId: "nowhere" }));
    const codes: unknown[] = [missing];
    for (const name of ["NotAllowedError", "NotReadableError", "NotFoundError", "TypeError"]) {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", name));
      codes.push(await codeOf(lab.media.devices.microphone()));
    }
    return codes;
  });
  expect(codes).toEqual([
    "device_missing",
    "permission_denied",
    "device_in_use",
    "device_missing",
    "unsupported",
  ]);
});

test("devices are listed by kind, and a change of them is heard", async () => {
  const page = await browser.stage.page();
  const [list, heard] = await page.evaluate(async () => {
    const list = await lab.media.devices.list();
    const heard = lab.media.devices.once("change");
    navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
    return [list, await heard];
  });
  expect(new Set(list.map(({ kind }) => kind))).toEqual(new Set(["camera", "microphone", "speaker"]));
  expect(heard).toEqual(list);
});

test("no codec of those that were asked for, and a worker that does not start, are said to be unsupported", async () => {
  const ann = await member(newRoom(), "ann");
  const codes = await ann.evaluate(async () => {
    const { canvas } = new lab.Drawing(320, 180);
    const codeOf = (asked: Promise<unknown>) => asked.then(String, error => error.code as string);
    const worker = () => {
      throw new Error("none");
    };
    return [
      await codeOf(lab.media.publishCanvas(kept.room, canvas, { codecs: [] })),
      await codeOf(lab.media.publishCanvas(kept.room, canvas, { worker })),
    ];
  });
  expect(codes).toEqual(["unsupported", "unsupported"]);
});

test("what fails after a stream has begun leaves none behind", async () => {
  const room = newRoom();
  const [ann, ben] = await Promise.all([member(room, "ann", { expects: ["404"] }), member(room, "ben")]);
  await ben.evaluate(() => {
    kept.room.on("unpublished", ({ name }) => kept.said.push([name, 0]));
  });
  const code = await ann.evaluate(async () => {
    const track = await lab.media.devices.microphone();
    const asked = lab.media.publishTrack(kept.room, track, { worklet: "/nowhere.js" });
    return asked.then(String, error => error.code as string);
  });
  expect(code).toBe("unsupported");
  await says(ben, "mic");
  expect(ann.workers()).toEqual([]);
});

test("a member that may not publish the small layer publishes the large one", async () => {
  const room = newRoom();
  const grants = { publish: { streams: ["cam"], kinds: ["video"], streams_max: 1 } };
  const ann = await member(room, "ann", { grants });
  await publishes(ann, { width: 640, height: 360 });
  expect(await ann.evaluate(() => kept.publisher.publishers.map(({ name }) => name))).toEqual(["cam"]);
});
