// One connection, from its socket to its close. Sends what is asked, matches answers, passes on what is said; never
// decides whether to come back.
import type { Awake } from "./awake.ts";
import { ConnectError, InvalidError, LostError, RefusedError, TimeoutError } from "./error.ts";
import { dataFrame, type Said, said } from "./heard.ts";
import { Silence } from "./silence.ts";
import { Socket, type SocketClass } from "./socket.ts";

/** A request without its `id`. */
export type Fields = { readonly op: string } & Record<string, unknown>;

/** An event or a frame. */
export type Unasked = Exclude<Said, { is: "reply" }>;

/** How a connection is made and watched. */
export interface ConnectionSettings {
  url: string;
  WebSocket: SocketClass;
  awake: Awake;
  silenceMaxMs: number;
  answerMaxMs: number;
}

/** How a connection ended; code 0 when it broke. */
export interface End {
  code: number;
  reason: string;
}

/** An answer that is waited for. `ok` runs before anything that the relay says next is heard. */
interface Waiting {
  ok(answer: unknown): void;
  failed(error: Error): void;
  stop(): void;
  readonly isLogin: boolean;
}

/** The longest control message; the relay closes over it. */
export const CONTROL_BYTES_MAX = 65_536;
/** The answer to a login that came with the handshake. */
const HANDSHAKE_ID = 0;
/** What `JSON.stringify` makes of half a surrogate pair, which is no UTF-8. */
const HALF_PAIR = /(?:^|[^\\])(?:\\\\)*\\ud[89a-f]/;

export class Connection {
  readonly #settings: ConnectionSettings;
  readonly #hear: (said: Unasked) => void;
  #socket: Socket | undefined;
  readonly #opened: Promise<void>;
  readonly #silence: Silence;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = HANDSHAKE_ID + 1;
  /** What was said before there was anybody to hear it. */
  #early: Unasked[] | undefined = [];
  #isListed = () => {};
  readonly #listed = new Promise<void>(resolve => {
    this.#isListed = resolve;
  });
  #probing: (() => void) | undefined;
  #stopSilence = () => {};
  #end!: (end: End) => void;
  #isOver = false;
  /** How it ended. */
  readonly ended: Promise<End>;

  /** `hear` gets what the relay says unasked, in order, from `release` on. */
  constructor(settings: ConnectionSettings, hear: (said: Unasked) => void) {
    this.#settings = settings;
    this.#hear = hear;
    this.#silence = new Silence(settings.silenceMaxMs);
    this.ended = new Promise(resolve => {
      this.#end = resolve;
    });
    this.#opened = new Promise((opened, failed) => {
      try {
        this.#socket = new Socket(settings.WebSocket, settings.url, {
          opened,
          message: data => this.#message(data),
          closed: (code, reason) => this.giveUp(code, reason),
        });
      } catch (error) {
        failed(new ConnectError("url_invalid", `the platform refuses the address: ${error}`));
      }
    });
  }

  /** Whether its end has come. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Bytes that wait to be written. */
  get bufferedBytes(): number {
    return this.#socket?.bufferedBytes ?? 0;
  }

  /** Resolves when the socket is open. */
  async open(): Promise<void> {
    const { awake, answerMaxMs } = this.#settings;
    const stop = awake.after(answerMaxMs, () => this.giveUp());
    try {
      await Promise.race([this.#opened, this.#failed()]);
    } finally {
      stop();
    }
    this.#listenForSilence();
  }

  async #failed(): Promise<never> {
    await this.ended;
    throw new ConnectError(
      "socket_failed",
      "cannot connect: is the relay there, and does it allow this origin?",
    );
  }

  /** How it ended; what does not end by itself is ended here after a while. */
  async end(): Promise<End> {
    const { awake, answerMaxMs } = this.#settings;
    const stop = awake.after(answerMaxMs, () => this.giveUp());
    const end = await this.ended;
    stop();
    return end;
  }

  /** The answer to the login that the handshake brought. */
  handshake<A>(): Promise<A> {
    return this.#wait(HANDSHAKE_ID, true);
  }

  /** Asks. `then` runs as soon as the answer is read, before anything that follows it. */
  ask<A>(fields: Fields, then?: (answer: A) => void): Promise<A> {
    const id = this.#nextId++;
    const text = requestText({ ...fields, id });
    const answer = this.#wait(id, fields.op === "login" || fields.op === "renew", then);
    if (!this.#isOver) this.#socket?.send(text);
    return answer;
  }

  #wait<A>(id: number, isLogin: boolean, then?: (answer: A) => void): Promise<A> {
    return new Promise((resolve, reject) => {
      if (this.#isOver) return reject(new LostError());
      const { awake, answerMaxMs } = this.#settings;
      const stop = awake.after(answerMaxMs, () => {
        this.#waiting.delete(id);
        reject(new TimeoutError());
      });
      const ok = (answer: A) => {
        then?.(answer);
        resolve(answer);
      };
      this.#waiting.set(id, { stop, ok: ok as (answer: unknown) => void, failed: reject, isLogin });
    });
  }

  /** Sends a data frame. */
  frame(stream: number, keyframe: boolean, payload: Uint8Array): void {
    this.#socket?.send(dataFrame(stream, keyframe, payload));
  }

  /** Waits for all that completes the login's lists, and takes it out of what waits for `release`. */
  async complete(take: (said: Unasked) => boolean): Promise<void> {
    await Promise.race([this.#listed, this.ended.then(() => Promise.reject(new LostError()))]);
    this.#early = this.#early?.filter(said => !take(said));
  }

  /** From now on what is said is passed on, what came before first. */
  release(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const said of early) if (!this.#isOver) this.#hear(said);
  }

  #pass(said: Unasked): void {
    if (this.#early) this.#early.push(said);
    else this.#hear(said);
    if (said.is === "event" && said.name === "listed") this.#isListed();
  }

  #message(data: string | ArrayBuffer): void {
    this.#silence.heard();
    this.#stopProbe();
    let message: Said | undefined;
    try {
      message = said(data);
    } catch {
      this.giveUp(0, "unreadable");
    }
    if (message?.is === "reply") this.#answered(message);
    else if (message) this.#pass(message);
  }

  #answered({ re, ok, error }: Extract<Said, { is: "reply" }>): void {
    const waiting = this.#waiting.get(re ?? -1);
    if (!waiting) return;
    this.#waiting.delete(re ?? -1);
    waiting.stop();
    if (error) waiting.failed(new RefusedError(error, waiting.isLogin));
    else waiting.ok(ok);
  }

  #listenForSilence(): void {
    if (this.#isOver) return;
    this.#stopSilence = this.#settings.awake.after(this.#silence.stepMs, () => {
      if (this.#silence.step()) this.probe(this.#settings.answerMaxMs);
      this.#listenForSilence();
    });
  }

  /** Asks whether the relay is there. If nothing at all is heard within `ms` of awake time, the connection is lost. */
  probe(ms: number): void {
    if (this.#probing || this.#isOver) return;
    this.#probing = this.#settings.awake.after(ms, () => this.giveUp(0, "silence"));
    this.ask({ op: "ping" }).catch(() => {});
  }

  #stopProbe(): void {
    this.#probing?.();
    this.#probing = undefined;
  }

  /** Ends it here, if it has not ended: what is asked still is lost. */
  giveUp(code = 0, reason = ""): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopSilence();
    this.#stopProbe();
    this.#socket?.giveUp();
    for (const { stop, failed } of this.#waiting.values()) {
      stop();
      failed(new LostError());
    }
    this.#waiting.clear();
    this.#end({ code, reason });
  }
}

/** A request, written. Throws `InvalidError` for what the wire does not have. */
function requestText(fields: Record<string, unknown>): string {
  let text: string;
  try {
    text = JSON.stringify(fields);
  } catch (error) {
    throw new InvalidError("value_invalid", `not JSON: ${error instanceof Error ? error.message : ""}`);
  }
  if (HALF_PAIR.test(text)) throw new InvalidError("value_invalid", "half a surrogate pair is no text");
  if (text.length * 3 > CONTROL_BYTES_MAX && new TextEncoder().encode(text).length > CONTROL_BYTES_MAX) {
    throw new InvalidError("too_large", `a request has at most ${CONTROL_BYTES_MAX} bytes`);
  }
  return text;
}
