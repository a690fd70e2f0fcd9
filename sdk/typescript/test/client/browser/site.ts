// A site with one empty page that has the client as `sdk`, and a token endpoint. Serves nothing else.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { build } from "esbuild";
import { type Claims, mint, sharedApp } from "../relay/relay.ts";

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
  static async start(
    entry: string = resolve(import.meta.dirname, "../../../src/client/index.ts"),
  ): Promise<Site> {
    const bundle = await build({
      entryPoints: [entry],
      bundle: true,
      write: false,
      format: "iife",
      globalName: "sdk",
      jsx: "automatic",
      define: { "process.env.NODE_ENV": '"development"' },
    });
    const script = bundle.outputFiles[0]?.contents;
    const server = createServer((request, answer) => {
      const url = new URL(request.url ?? "/", "http://site");
      if (url.pathname === "/sdk.js") answer.setHeader("content-type", "text/javascript").end(script);
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
          .end("<!doctype html><title>t</title><main></main><script src=/sdk.js></script>");
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
