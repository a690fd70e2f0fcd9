// Pages that are members of a room, and what the facts let them do.
import type { Page } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import type { Room } from "../../../src/client/index.ts";
import type { MediaPublisher, PublishTrackOptions } from "../../../src/media/index.ts";
import { type Claims, mint, sharedApp } from "../../client/relay/relay.ts";
import type { Drawing, Lab, Seen, Viewer } from "../lab.ts";
import { Stage } from "../stage.ts";

declare const lab: Lab;

/** What a page keeps from one step of a fact to the next. */
export interface Kept {
  room: Room;
  drawing: Drawing;
  publisher: MediaPublisher;
  viewer: Viewer;
  /** What the publisher said, in order. */
  said: [name: string, event: unknown][];
  /** Frames that were sent, by the stream's name. */
  sent: Record<string, number>;
  /** Remembers a publisher, and what it says and sends. */
  keep(publisher: MediaPublisher): void;
}
declare const kept: Kept;

let stage: Stage;

/** The browser of a file of facts. */
export function staged(...args: string[]): { readonly stage: Stage } {
  beforeAll(async () => {
    stage = await Stage.open("lab.ts", ...args);
  });
  afterAll(() => stage?.close());
  return {
    get stage() {
      return stage;
    },
  };
}

/** A page that is a member of a room. */
export async function member(
  room: string,
  user: string,
  {
    url = sharedApp().connect,
    without = [] as string[],
    expects = [] as string[],
    ...claims
  }: Claims & { url?: string; without?: string[]; expects?: string[] } = {},
): Promise<Page> {
  const page = await stage.page(without, undefined, { expects });
  const token = mint(sharedApp(), { room, user, ...claims });
  await page.evaluate(
    async ([url, token]) => {
      const room = await lab.client.connect({ url, token });
      const keep = (publisher: MediaPublisher) => {
        kept.publisher = publisher;
        for (const name of ["limited", "hidden", "blocked", "trackLost", "trackFound", "ended"] as const) {
          publisher.on(name, event => kept.said.push([name, event]));
        }
        for (const out of publisher.publishers) {
          const send = out.send.bind(out);
          kept.sent[out.name] = 0;
          out.send = (bytes, options) => {
            kept.sent[out.name] = (kept.sent[out.name] ?? 0) + 1;
            return send(bytes, options);
          };
        }
      };
      Object.assign(globalThis, { kept: { room, said: [], sent: {}, keep } });
    },
    [url, token] as const,
  );
  return page;
}

/** Draws and publishes. */
export function publishes(
  page: Page,
  { width, height, noise = false }: { width: number; height: number; noise?: boolean },
  options: PublishTrackOptions = {},
): Promise<void> {
  return page.evaluate(
    async ([width, height, noise, options]) => {
      kept.drawing = new lab.Drawing(width, height, 30, noise);
      const publisher = await lab.media.publishCanvas(kept.room, kept.drawing.canvas, options);
      kept.keep(publisher);
    },
    [width, height, noise, options] as const,
  );
}

/** How many pictures a page has seen. */
export function seenBy(page: Page): Promise<number> {
  return page.evaluate(() => kept.viewer.seen.length);
}

/** Reads a stream until so many pictures were seen, from now on or from this one on. */
export function sees(page: Page, name: string, count: number, since = -1): Promise<Seen[]> {
  return page.evaluate(
    async ([name, count, since]) => {
      if (kept.viewer?.name !== name) kept.viewer = await lab.Viewer.of(kept.room, name);
      const from = since < 0 ? kept.viewer.seen.length : since;
      await kept.viewer.until(({ seen }) => seen.length >= from + count);
      return kept.viewer.seen.slice(from);
    },
    [name, count, since] as const,
  );
}

/** The time of all pages, Unix milliseconds. */
export function timeOf(page: Page): Promise<number> {
  return page.evaluate(() => lab.nowMs());
}

/** The first picture that was captured from this time on. */
export async function firstSince(page: Page, ms: number): Promise<Seen | undefined> {
  return page.evaluate(async ms => {
    await kept.viewer.until(({ seen }) => (seen.at(-1)?.capturedMs ?? 0) >= ms);
    return kept.viewer.seen.find(({ capturedMs }) => capturedMs >= ms);
  }, ms);
}

/** Waits until the publisher has said this, as often. */
export function says(page: Page, name: string, times = 1): Promise<unknown> {
  return page
    .waitForFunction(
      ([name, times]) => {
        const events = kept.said.filter(([said]) => said === name);
        return events.length >= times && { event: events[times - 1]?.[1] };
      },
      [name, times] as const,
    )
    .then(async found => ((await found.jsonValue()) as { event: unknown }).event);
}
