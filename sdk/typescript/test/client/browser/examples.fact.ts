// The examples, built and run as they stand: two people chat, a strict mode page is one login, Node publishes.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import { atEnd, member } from "../relay/members.ts";
import { Line } from "../relay/proxy.ts";
import { mint, newRoom, sharedApp } from "../relay/relay.ts";
import { Chromium, type Page } from "./chromium.ts";
import { built, Site } from "./site.ts";

const examples = resolve(import.meta.dirname, "../../../../../examples");
const app = sharedApp();

let chromium: Chromium;
beforeAll(async () => {
  chromium = await Chromium.launch();
});
afterAll(() => chromium?.close());

/** Waits in the page until a selector shows a text. */
function shows(page: Page, selector: string, text: string): Promise<void> {
  return page.run(
    (selector, text) =>
      new Promise<void>(resolve => {
        const look = () => {
          if (document.querySelector(selector)?.textContent?.includes(text)) resolve();
          else requestAnimationFrame(look);
        };
        look();
      }),
    selector,
    text,
  );
}

test("two people chat, and markup is shown as text", async () => {
  const room = newRoom();
  const pages = await Promise.all(
    ["ann", "ben"].map(async user => {
      const site = await Site.start(`${examples}/chat/chat.ts`, {
        html: `${examples}/chat/index.html`,
        script: "/chat.js",
        relay: app.connect,
        token: () => mint(app, { room, user, name: user.toUpperCase() }),
      });
      const page = await chromium.page(site.url);
      atEnd(async () => {
        await page.close();
        await site.close();
        expect(page.console).toEqual([]);
      });
      return page;
    }),
  );
  const [ann, ben] = pages as [Page, Page];
  await Promise.all(pages.map(page => shows(page, "p", "seated, 2 here")));
  await ann.run(() => {
    const input = document.querySelector("input") as HTMLInputElement;
    input.value = "hello <b>ben</b>";
    input.form?.requestSubmit();
  });
  await shows(ben, "ol", "ANN: hello <b>ben</b>");
  expect(await ben.run(() => document.querySelector("li b"))).toBe(null);
});

test("a strict mode mount is one login", async () => {
  const room = newRoom();
  const ann = await member({ room, user: "ann" });
  const cable = await Line.to(app.url);
  let asked = 0;
  const site = await Site.start(`${examples}/react/main.tsx`, {
    relay: cable.url,
    token: () => {
      asked += 1;
      return mint(app, { room, user: "ben", name: "Ben" });
    },
  });
  const page = await chromium.page(site.url);
  atEnd(async () => {
    await page.close();
    await site.close();
    await cable.close();
  });
  await shows(page, "p", "seated");
  await shows(page, "ul", "Ben");
  await ann.set("count", 41);
  await shows(page, "button", "41");
  const state = ann.once("state");
  await page.run(() => document.querySelector("button")?.click());
  expect((await state).value).toBe(42);
  expect([asked, cable.count]).toEqual([1, 1]);
});

test("Node publishes the time until it is interrupted", async () => {
  const room = newRoom();
  const ann = await member({ room, user: "ann" });
  const script = await built(`${examples}/node-publisher/publish.ts`, "node");
  const child = spawn(process.execPath, ["--input-type=module", "-"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: {
      ...process.env,
      STAGEDOOR_CONNECT: app.connect,
      STAGEDOOR_TOKEN: mint(app, { room, user: "node" }),
    },
  });
  child.stdin.end(script);
  const [said] = await once(createInterface({ input: child.stdout }), "line");
  expect(said).toBe("node publishes clock");
  const clock = await ann.subscribe("clock");
  const { payload, stream } = await clock.once("frame");
  expect(JSON.parse(stream.meta ?? "")).toEqual({ of: "time" });
  expect(Date.now() - Date.parse(new TextDecoder().decode(payload))).toBeLessThan(5000);
  const ended = clock.once("ended");
  const exited = once(child, "exit");
  child.kill("SIGINT");
  expect((await ended).reason).toBe("left");
  expect(await exited).toEqual([0, null]);
});
