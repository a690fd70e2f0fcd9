// A site with one empty page that has the client as `sdk`, and a token endpoint. Serves nothing else.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { build } from "esbuild";
import { type Claims, mint, sharedApp } from "../relay/relay.ts";

const client = resolve(import.meta.dirname, "../../../src/client/index.ts");

/** A bundle of an entry, with the client in place of its package. */
export async function built(entry: string, platform: "browser" | "node" = "browser"): Promise<Uint8Array> {
  const isClient = entry === client;
  const bundle = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform,
    format: isClient ? "iife" : "esm",
    ...(isClient && { globalName: "sdk" }),
    target: "es2022",
    jsx: "automatic",
    alias: { "@stagedoor/sdk/client": client },
    nodePaths: [resolve(import.meta.dirname, "../../../../../node_modules")],
    define: { "process.env.NODE_ENV": '"development"' },
  });
  return bundle.outputFiles[0]?.contents ?? new Uint8Array();
}

/** Another page than the empty one. */
export interface SiteOptions {
  html?: string;
  script?: string;
  relay?: string;
  token?(): string;
}

export class Site {
  readonly #server: Server;
  /** Why tokens were asked for. */
  readonly asked: string[] = [];
  /** Tokens that were given. */
  readonly tokens: string[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  /** With a bundle of this entry; the client itself unless given. */
  static async start(entry: string = client, options: SiteOptions = {}): Promise<Site> {
    const script = await built(entry);
    const path = options.script ?? "/sdk.js";
    const module = entry === client ? "" : "type=module";
    const page = options.html
      ? await readFile(options.html, "utf8")
      : `<!doctype html><html><title>t</title><main></main><script ${module} src=${path}></script>`;
    const server = createServer((request, answer) => {
      const url = new URL(request.url ?? "/", "http://site");
      if (url.pathname === path) answer.setHeader("content-type", "text/javascript").end(script);
      else if (url.pathname === "/room-token") answer.end(options.token?.());
      else if (url.pathname === "/token") {
        const { why, ...claims } = JSON.parse(url.searchParams.get("claims") ?? "{}") as Claims & {
          why: string;
        };
        site.asked.push(why);
        const token = mint(sharedApp(), claims);
        site.tokens.push(token);
        answer.end(token);
      } else if (url.pathname === "/favicon.ico") answer.writeHead(204).end();
      else
        answer
          .setHeader("content-type", "text/html")
          .end(page.replace("<html", `<html data-relay="${options.relay ?? ""}"`));
    });
    const site = new Site(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return site;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
