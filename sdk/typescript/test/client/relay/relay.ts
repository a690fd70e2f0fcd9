// A real relay on port 0, and the tokens of its app. Knows nothing of the client.
import { type ChildProcess, spawn } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

/** What `stagedoor dev --json` says of its app. */
export interface App {
  readonly app: number;
  readonly kid: string;
  readonly secret: string;
  readonly api_key: string;
  readonly root: string;
  readonly url: string;
  readonly connect: string;
}

export interface Claims {
  room?: string;
  user?: string;
  role?: string;
  ttlS?: number;
  [claim: string]: unknown;
}

export class Relay {
  readonly app: App;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(app: App, process: ChildProcess, folder: string) {
    this.app = app;
    this.#process = process;
    this.#folder = folder;
  }

  static async start(
    env: Record<string, string> = {},
    listen = "127.0.0.1:0",
    kept?: string,
  ): Promise<Relay> {
    const folder = kept ?? (await mkdtemp(join(tmpdir(), "stagedoor-")));
    const binary =
      process.env["STAGEDOOR_BIN"] ?? resolve(import.meta.dirname, "../../../../../target/debug/stagedoor");
    const args = ["dev", "--json", "--listen", listen, "--operations", "127.0.0.1:0", "--data", folder];
    const child = spawn(binary, args, {
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, ...env },
    });
    const lines = createInterface({ input: child.stdout });
    const [line] = (await Promise.race([
      once(lines, "line"),
      once(child, "exit").then(([code]) => Promise.reject(new Error(`the relay ended with ${code}`))),
    ])) as [string];
    return new Relay(JSON.parse(line) as App, child, folder);
  }

  /** Ends it as an operator does, and forgets its data unless it is to be kept. */
  async stop({ keep = false, signal = "SIGKILL" as NodeJS.Signals } = {}): Promise<string> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exited = once(this.#process, "exit");
      this.#process.kill(signal);
      await exited;
    }
    if (!keep) await rm(this.#folder, { recursive: true, force: true });
    return this.#folder;
  }
}

/** The relay of all facts. */
export function sharedApp(): App {
  return JSON.parse(process.env["STAGEDOOR_TEST_RELAY"] ?? "null") as App;
}

/** Signs a token without our code. */
export function mint(
  app: App,
  { room = "lobby", user = "ann", role = "host", ttlS = 600, ...claims }: Claims = {},
): string {
  const iat = Math.floor(Date.now() / 1000);
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const payload = {
    app: app.app,
    room,
    sub: user,
    role,
    iat,
    nbf: iat,
    exp: iat + ttlS,
    jti: randomUUID(),
    ...claims,
  };
  const signed = `${part({ alg: "HS256", typ: "JWT", kid: app.kid })}.${part(payload)}`;
  const key = Buffer.from(app.secret, "base64url");
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

/** A room that no other fact has. */
export function newRoom(): string {
  return `room-${randomUUID()}`;
}

/** Calls the app's API. */
export async function api(app: App, method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(`${app.url}/v1/apps/${app.app}${path}`, {
    method,
    headers: { authorization: `Bearer ${app.api_key}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  const text = await answer.text();
  return text ? JSON.parse(text) : undefined;
}
