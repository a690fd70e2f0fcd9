// A headless Chromium over bare DevTools protocol: it hides and freezes pages as a user's does. Knows no client.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

type Params = Record<string, unknown>;
interface Message {
  id?: number;
  sessionId?: string;
  method?: string;
  params?: Params;
  result?: Params;
  error?: { message: string };
}

export class Chromium {
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, { resolve(result: Params): void; reject(error: Error): void }>();
  readonly #listeners = new Map<string, (method: string, params: Params) => void>();
  #id = 0;

  private constructor(process: ChildProcess, profile: string, socket: WebSocket) {
    this.#process = process;
    this.#profile = profile;
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const { id, sessionId, method, params, result, error } = JSON.parse(String(data)) as Message;
      if (method) this.#listeners.get(sessionId ?? "")?.(method, params ?? {});
      const answer = this.#answers.get(id ?? -1);
      if (error) answer?.reject(new Error(error.message));
      else answer?.resolve(result ?? {});
      this.#answers.delete(id ?? -1);
    };
  }

  static async launch(...more: string[]): Promise<Chromium> {
    const profile = await mkdtemp(join(tmpdir(), "chromium-"));
    const args = [
      "--headless=new",
      "--no-sandbox",
      "--remote-debugging-port=0",
      `--user-data-dir=${profile}`,
    ];
    args.push(
      "--disable-gpu",
      "--no-first-run",
      "--disable-component-update",
      "--disable-background-networking",
      ...more,
    );
    const child = spawn(process.env["CHROMIUM_BIN"] ?? "chromium", [...args, "about:blank"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const address = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stderr }).on("line", line => {
        const [, found] = /DevTools listening on (\S+)/.exec(line) ?? [];
        if (found) resolve(found);
      });
      child.once("exit", code => reject(new Error(`chromium ended with ${code}`)));
      child.once("error", reject);
    });
    const socket = new WebSocket(address);
    await once(socket, "open");
    return new Chromium(child, profile, socket);
  }

  send(method: string, params: Params = {}, sessionId?: string): Promise<Params> {
    this.#id += 1;
    const id = this.#id;
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) }));
    return new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject }));
  }

  /** A page in a profile of its own. */
  async page(url: string): Promise<Page> {
    const { browserContextId } = await this.send("Target.createBrowserContext");
    return this.tab(url, browserContextId as string);
  }

  /** A page in the profile of another. */
  async tab(url: string, browserContextId: string): Promise<Page> {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank", browserContextId });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, sessionId as string, targetId as string, browserContextId);
    this.#listeners.set(sessionId as string, (method, params) => page.heard(method, params));
    await Promise.all([page.send("Page.enable"), page.send("Runtime.enable")]);
    await page.open(url);
    return page;
  }

  async close(): Promise<void> {
    const exited = once(this.#process, "exit");
    await this.send("Browser.close").catch(() => {});
    await exited;
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

export class Page {
  readonly #browser: Chromium;
  readonly #session: string;
  readonly target: string;
  readonly context: string;
  /** What it wrote to the console, and errors that nobody caught. */
  readonly console: string[] = [];
  #loaded: () => void = () => {};

  constructor(browser: Chromium, session: string, target: string, context: string) {
    this.#browser = browser;
    this.#session = session;
    this.target = target;
    this.context = context;
  }

  heard(method: string, params: Params): void {
    if (method === "Page.loadEventFired") this.#loaded();
    if (method === "Runtime.consoleAPICalled" || method === "Runtime.exceptionThrown") {
      this.console.push(JSON.stringify(params));
    }
  }

  send(method: string, params: Params = {}): Promise<Params> {
    return this.#browser.send(method, params, this.#session);
  }

  /** Goes somewhere, and is there. */
  async open(url?: string): Promise<void> {
    const loaded = new Promise<void>(resolve => {
      this.#loaded = resolve;
    });
    await (url === undefined ? this.send("Page.reload") : this.send("Page.navigate", { url }));
    await loaded;
  }

  /** Runs a function in the page and gives what it resolves to. */
  async run<A extends unknown[], R>(run: (...args: A) => R | Promise<R>, ...args: A): Promise<R> {
    const expression = `(${run})(...${JSON.stringify(args)})`;
    const params = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = (await this.send("Runtime.evaluate", params)) as {
      result: { value: R };
      exceptionDetails?: { exception?: { description?: string } };
    };
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? "the page threw");
    return result.value;
  }

  /** The browser stops it, as it does with one that was long in the background; or lets it run again. */
  async freeze(isFrozen: boolean): Promise<void> {
    await this.send("Page.setWebLifecycleState", { state: isFrozen ? "frozen" : "active" });
  }

  async front(): Promise<void> {
    await this.send("Page.bringToFront");
  }

  async close(): Promise<void> {
    await this.#browser.send("Target.closeTarget", { targetId: this.target });
  }
}
