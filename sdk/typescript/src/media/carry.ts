// Where the worker and the worklets come from: one file of this package, which the page's policy must allow as its own
// (`worker-src 'self'`, Trusted Types with a policy named `stagedoor`). Nothing is made of text, nothing at import.
import { MediaError } from "./error.ts";

/** Where the file `@stagedoor/sdk/media/worker.js` lies, for bundlers and hosts that do not find it by themselves. */
export interface Carried {
  /** Its address, or a function that starts it as a module worker. */
  readonly worker?: string | URL | (() => Worker);
  /** The same file's address for the worklets, if `worker` is a function. */
  readonly worklet?: string | URL;
}

/** What a worker is for. */
export type Part = "publish" | "play";

/** What a worker says when it is there. */
export interface Opened {
  /** Whether it has `MediaStreamTrackProcessor`. */
  readonly canProcess: boolean;
}

/** A line to a part of the worker. */
export interface Line extends Opened {
  readonly port: MessagePort;
  /** Ends the part; the worker ends with its last part. */
  end(): void;
}

interface Policy {
  createScriptURL(url: string): unknown;
}
interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): Policy;
}

/** The package's own file. Bundlers look for this very form. */
const ownFile = (): string => new URL("./media-worker.js", import.meta.url).href;

/** The addresses that the policy lets through: the package's own, and those that the application gave as theirs. */
const allowed = new Set<string>();
let policy: Policy | undefined;

/** An address as the browser takes it where the page requires trusted types. A page allows a policy's name once. */
function trusted(url: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: PolicyFactory };
  if (!trustedTypes) return url;
  allowed.add(url);
  policy ??= trustedTypes.createPolicy("stagedoor", {
    createScriptURL: script => {
      if (!allowed.has(script)) throw new TypeError("not a file of @stagedoor/sdk");
      return script;
    },
  });
  return policy.createScriptURL(url) as string;
}

const absolute = (url: string | URL): string => new URL(url, globalThis.location?.href).href;

/** The workers that run, by where they come from, and how many parts each has. */
const running = new Map<unknown, { worker: Worker; parts: number }>();

function start(from: Exclude<Carried["worker"], undefined>): Worker {
  try {
    return typeof from === "function" ? from() : new Worker(trusted(absolute(from)), { type: "module" });
  } catch (error) {
    throw new MediaError("unsupported", "the worker did not start", error);
  }
}

/**
 * Opens a part of the worker; all parts of a page share one worker.
 *
 * @throws `MediaError` `unsupported`, if its file is not there or may not run.
 */
export async function openPart(part: Part, { worker: from = ownFile() }: Carried = {}): Promise<Line> {
  const key = typeof from === "function" ? from : absolute(from);
  const held = running.get(key) ?? { worker: start(from), parts: 0 };
  running.set(key, held);
  held.parts += 1;
  const { port1: port, port2 } = new MessageChannel();
  let isOver = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    port.close();
    held.parts -= 1;
    if (held.parts) return;
    running.delete(key);
    held.worker.terminate();
  };
  const opening = new AbortController();
  const opened = new Promise<Opened>((resolve, reject) => {
    port.onmessage = ({ data }) => resolve(data as Opened);
    const failed = ({ message = "its file is not there" }) => {
      end();
      reject(new MediaError("unsupported", `the worker did not start: ${message}`));
    };
    held.worker.addEventListener("error", failed, opening);
  });
  held.worker.postMessage({ part }, [port2]);
  const { canProcess } = await opened;
  opening.abort();
  port.onmessage = null;
  return { port, end, canProcess };
}

/** Loads the worklets into a context. */
export async function addWorklets(context: AudioContext, { worker, worklet }: Carried = {}): Promise<void> {
  const from = worklet ?? (typeof worker === "function" ? undefined : worker) ?? ownFile();
  try {
    await context.audioWorklet.addModule(trusted(absolute(from)));
  } catch (error) {
    throw new MediaError("unsupported", "the worklets did not load", error);
  }
}
