// A site whose pages have the SDK from source, its worker as a file, and the policy that the documentation asks for.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { build } from "esbuild";
import type { Room } from "../../../src/client/index.ts";
import { Chromium, type Page } from "../../client/browser/chromium.ts";
import { mint, sharedApp } from "../../client/relay/relay.ts";
import type * as Tools from "./page.ts";
import type { Click, Clicks, Numbers, NumbersOptions, Viewer } from "./page.ts";

/** What a page has. */
export interface Kept {
  room: Room;
  numbers: Record<string, Numbers>;
  clicks: Clicks;
  /** When the numbers of a canvas were drawn. */
  drawnAtMs: number[];
  heard: Click[];
  glass: { n: number; atMs: number }[];
  viewer: Viewer;
}
declare global {
  var tools: typeof Tools;
  var kept: Kept;
}

const POLICY =
  "default-src 'self'; connect-src 'self' ws:; worker-src 'self'; script-src 'self'; " +
  "require-trusted-types-for 'script'; trusted-types stagedoor tap";

async function bundle(path: string, format: "iife" | "esm"): Promise<Uint8Array> {
  const built = await build({
    entryPoints: [resolve(import.meta.dirname, path)],
    bundle: true,
    write: false,
    format,
    ...(format === "iife" && { globalName: "tools", banner: { js: "var kept = { numbers: {} };" } }),
    target: "es2022",
    // A script that is no module has no address; the pages name the worker's.
    define: format === "iife" ? { "import.meta.url": '"http://localhost/"' } : {},
  });
  return built.outputFiles[0]?.contents ?? new Uint8Array();
}

/** Where a page is, and by which line. */
export interface Seating {
  url?: string;
  path?: string;
  beside?: Page;
}

/** The page publishes numbers under this name. */
export async function publish(page: Page, name: string, options: NumbersOptions = {}): Promise<void> {
  await page.run(
    async (name, options) => {
      kept.numbers[name] = await tools.numbers(kept.room, name, options);
    },
    name,
    options,
  );
}

/** Tells when a click begins. It is no part of what is tested. */
const TAP = `
registerProcessor("tap", class extends AudioWorkletProcessor {
  quiet = 0;
  process([[samples]]) {
    samples?.forEach((sample, n) => {
      if (Math.abs(sample) < 0.1) { this.quiet += 1; return; }
      if (this.quiet > 4800) this.port.postMessage(currentTime + n / sampleRate);
      this.quiet = 0;
    });
    return true;
  }
});`;

export class Pages {
  readonly #server: Server;
  readonly #chromium: Chromium;

  protected constructor(server: Server, chromium: Chromium) {
    this.#server = server;
    this.#chromium = chromium;
  }

  static async start(...flags: string[]): Promise<Pages> {
    const [script, worker, chromium] = await Promise.all([
      bundle("page.ts", "iife"),
      bundle("../../../src/media/worker.ts", "esm"),
      Chromium.launch(...flags),
    ]);
    const server = createServer((request, answer) => {
      const { pathname } = new URL(request.url ?? "/", "http://site");
      answer.setHeader("content-security-policy", POLICY);
      if (pathname === "/favicon.ico") answer.writeHead(204).end();
      else if (pathname.endsWith(".js")) {
        const file = pathname === "/media-worker.js" ? worker : pathname === "/tap.js" ? TAP : script;
        answer.setHeader("cross-origin-embedder-policy", "require-corp");
        answer.setHeader("content-type", "text/javascript").end(file);
      } else {
        if (pathname === "/isolated") {
          answer.setHeader("cross-origin-opener-policy", "same-origin");
          answer.setHeader("cross-origin-embedder-policy", "require-corp");
        }
        answer.setHeader("content-type", "text/html");
        answer.end("<!doctype html><title>t</title><body><script src=/page.js></script>");
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new this(server, chromium);
  }

  /** A page in a window of its own, or beside another. */
  async page(path = "/", context?: string): Promise<Page> {
    const url = `http://localhost:${(this.#server.address() as AddressInfo).port}${path}`;
    return context ? this.#chromium.tab(url, context) : this.#chromium.page(url);
  }

  /** A page whose user sits in the room. */
  async seat(
    room: string,
    user: string,
    { url = sharedApp().connect, path = "/", beside }: Seating = {},
  ): Promise<Page> {
    const page = await this.page(path, beside?.context);
    const token = mint(sharedApp(), { room, user });
    await page.run(
      async (url, token) => {
        kept.room = await tools.connect({ url, token });
      },
      url,
      token,
    );
    return page;
  }

  async close(): Promise<void> {
    await this.#chromium.close();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
