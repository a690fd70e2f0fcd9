// A site whose pages have the policy of Stagedoor's own, and a Chromium that opens them. Whatever a page writes to its
// console, breaks of its policy or asks of another origin is a failure.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { expect } from "vitest";
import { atEnd } from "../client/relay/members.ts";

const here = import.meta.dirname;

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; " +
  "connect-src 'self' ws://127.0.0.1:*; worker-src 'self'; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types stagedoor";

async function bundle(entry: string): Promise<Uint8Array> {
  const options = { bundle: true, write: false, format: "esm", target: "es2022" } as const;
  const { outputFiles } = await build({ ...options, entryPoints: [resolve(here, entry)] });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

export class Stage {
  readonly #server: Server;
  readonly #browser: Browser;

  private constructor(server: Server, browser: Browser) {
    this.#server = server;
    this.#browser = browser;
  }

  /** With a file of this folder as the pages' script. */
  static async open(script = "lab.ts", ...args: string[]): Promise<Stage> {
    const files: Record<string, Uint8Array | string> = {
      "/page.js": await bundle(script),
      "/media-worker.js": await bundle("../../src/media/worker.ts"),
    };
    const page =
      "<!doctype html><html><title>t</title><body></body><script type=module src=/page.js></script>";
    const server = createServer(({ url = "/" }, answer) => {
      const file = files[url];
      answer.setHeader("content-security-policy", POLICY);
      if (url === "/favicon.ico") answer.writeHead(204).end();
      else if (url.endsWith(".js") && !file) answer.writeHead(404).end();
      else answer.setHeader("content-type", file ? "text/javascript" : "text/html").end(file ?? page);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const browser = await chromium.launch({
      executablePath: process.env["CHROMIUM_BIN"] ?? "/usr/bin/chromium",
      args: [
        "--use-fake-device-for-media-stream=fps=30",
        "--use-fake-ui-for-media-stream",
        "--autoplay-policy=no-user-gesture-required",
        ...args,
      ],
    });
    return new Stage(server, browser);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** A page in a profile of its own, which is ready; without what it has of these names. */
  async page(
    without: readonly string[] = [],
    url: string = this.url,
    { expects = [] as string[] } = {},
  ): Promise<Page> {
    const context = await this.#browser.newContext({ permissions: ["camera", "microphone"] });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", message => complaints.push(message.text()));
    page.on("pageerror", error => complaints.push(String(error)));
    page.on("request", request => {
      if (!request.url().startsWith(url)) complaints.push(request.url());
    });
    await page.addInitScript(names => {
      for (const name of names) delete (globalThis as Record<string, unknown>)[name];
    }, without);
    await page.goto(url);
    await page.waitForFunction(() => "lab" in globalThis);
    atEnd(async () => {
      await context.close();
      expect(complaints.filter(text => !expects.some(part => text.includes(part)))).toEqual([]);
    });
    return page;
  }

  async close(): Promise<void> {
    await this.#browser.close();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
