// A line between client and relay that can be cut, held, slowed and counted. Knows no WebSocket.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** How often a slow line lets bytes pass. */
const STEP_MS = 10;

/** One direction of a connection, which lets no more pass than the line does. What waits fills the buffers behind it. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #kbits: () => number;
  #waiting: Buffer[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(from: Socket, to: Socket, kbits: () => number) {
    this.#from = from;
    this.#to = to;
    this.#kbits = kbits;
    from.on("close", () => clearInterval(this.#timer));
  }

  pass(bytes: Buffer): void {
    if (!this.#timer && this.#kbits() === Number.POSITIVE_INFINITY) {
      this.#to.write(bytes);
      return;
    }
    this.#waiting.push(bytes);
    this.#from.pause();
    this.#timer ??= setInterval(() => this.#step(), STEP_MS);
  }

  #step(): void {
    let allowed = (this.#kbits() * STEP_MS) / 8;
    while (allowed > 0 && this.#waiting.length) {
      const [first = Buffer.alloc(0)] = this.#waiting;
      this.#to.write(first.subarray(0, allowed));
      if (first.length > allowed) this.#waiting[0] = first.subarray(allowed);
      else this.#waiting.shift();
      allowed -= first.length;
    }
    if (this.#waiting.length) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#from.resume();
  }
}

export class Line {
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  /** Connections that came. */
  count = 0;
  #kbits = Number.POSITIVE_INFINITY;
  #held = false;
  #refuses = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async to(url: string): Promise<Line> {
    const { hostname, port } = new URL(url);
    const server = createServer();
    const line = new Line(server);
    server.on("connection", client => {
      line.count += 1;
      if (line.#refuses) return client.destroy();
      const relay = connect(Number(port), hostname);
      const pair: [Socket, Socket] = [client, relay];
      line.#pairs.add(pair);
      for (const [from, to] of [pair, [relay, client]] as const) {
        const pipe = new Pipe(from, to, () => line.#kbits);
        from.on("data", bytes => line.#held || pipe.pass(bytes));
        from.on("error", () => {});
        from.on("close", () => {
          to.destroy();
          line.#pairs.delete(pair);
        });
      }
      return undefined;
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return line;
  }

  /** The relay's address by way of this line. */
  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/connect`;
  }

  /** Cuts every connection. */
  cut(): void {
    for (const [client, relay] of this.#pairs) {
      client.destroy();
      relay.destroy();
    }
  }

  /** From now on nothing passes, and nobody is told: what a laptop out of reach looks like. */
  hold(): void {
    this.#held = true;
  }

  /** From now on so many kilobits pass in a second, in each direction; without an argument, as many as come. */
  slow(kbits: number = Number.POSITIVE_INFINITY): void {
    this.#kbits = kbits;
  }

  /** New connections pass again; what was held is gone. */
  pass(): void {
    this.#held = false;
    this.#refuses = false;
  }

  /** New connections are refused. */
  refuse(): void {
    this.#refuses = true;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }
}
