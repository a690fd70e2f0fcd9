// A relay that does what a test says, over sockets that never touch a network.
import type { SocketClass, SocketLike } from "../../src/client/index.ts";
import { TestClock } from "./clock.ts";

/** A seat as a relay answers it. */
export const SEAT = {
  app: 1,
  room: "lobby",
  user: "ann",
  role: "host",
  grants: {
    role: "host",
    rank: 100,
    publish: { streams: ["*"], kinds: ["data"], streams_max: 4 },
    subscribe: { streams: ["*"], from: ["*"] },
    send: { room: true, roles: [], users: [] },
    set: [],
    moderate: [],
    presence: { sees: ["*"], seen_by: ["*"] },
    ask: [],
    invite: [],
    waits: false,
    caps: {},
  },
  exp: 1_800_003_600,
  now: 1_800_000_000,
  ping_interval_ms: 15_000,
  pong_timeout_ms: 10_000,
  count: 1,
  members: [],
  streams: [],
  state: [],
  events: { epoch: 1, seq: 0 },
};

type Request = { op: string; id: number } & Record<string, unknown>;

/** One socket, and what was sent over it. */
export class FakeSocket implements SocketLike {
  binaryType = "blob";
  bufferedAmount = 0;
  isClosed = false;
  readonly sent: Request[] = [];
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly #answer: (request: Request, socket: FakeSocket) => unknown;

  constructor(answer: (request: Request, socket: FakeSocket) => unknown) {
    this.#answer = answer;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (typeof data !== "string") return;
    const request = JSON.parse(data) as Request;
    this.sent.push(request);
    const ok = this.#answer(request, this);
    if (ok !== undefined) queueMicrotask(() => this.say({ re: request.id, ok }));
  }

  close(): void {
    this.isClosed = true;
  }

  /** The relay says something. */
  say(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) } as never);
  }

  /** The connection ends. */
  end(code = 1006, reason = ""): void {
    this.isClosed = true;
    this.onclose?.({ code, reason } as never);
  }
}

/** Lets everything that is due in promises happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

export class RelayDouble {
  readonly clock: TestClock = new TestClock();
  readonly sockets: FakeSocket[] = [];
  readonly WebSocket: SocketClass;
  /** What it answers; nothing is answered where this gives nothing. */
  answer: (request: Request, socket: FakeSocket) => unknown = ({ op }) => {
    if (op === "login") return SEAT;
    return op === "ping" ? { now_ms: this.clock.now() } : {};
  };
  /** Whether sockets open by themselves. */
  opens = true;

  constructor() {
    const double = this;
    this.WebSocket = class extends FakeSocket {
      constructor() {
        super((request, socket) => double.answer(request, socket));
        double.sockets.push(this);
        if (double.opens) queueMicrotask(() => this.onopen?.({} as never));
      }
    };
  }

  /** The socket that was made last. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no socket was made");
    return socket;
  }

  /** Time goes by, in small steps, with what comes of each. */
  async run(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      this.clock.run(Math.min(left, 100));
      await settle();
    }
  }

  /** Everything stands still. */
  async sleep(ms: number): Promise<void> {
    this.clock.sleep(ms);
    await settle();
  }
}
