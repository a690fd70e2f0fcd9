// A line between client and relay on which what the relay sends takes its time. It holds as little as it can, so that
// what waits waits at the relay: `proxy.ts` of the client reads more at once, and the kernel then holds seconds of it.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** What passes at once. */
const STEP_BYTES = 1400;
/** Timers may be late by this without making the line slower. */
const LATE_MS = 20;

export class SlowLine {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Kilobits in a second that pass on the way to the client. */
  kbitPerS: number;

  private constructor(server: Server, kbitPerS: number) {
    this.#server = server;
    this.kbitPerS = kbitPerS;
  }

  static async to(url: string, kbitPerS = Infinity): Promise<SlowLine> {
    const { hostname, port } = new URL(url);
    const server = createServer();
    const line = new SlowLine(server, kbitPerS);
    server.on("connection", client => {
      let freeAtMs = 0;
      const relay = connect({
        port: Number(port),
        host: hostname,
        // Nothing is read before what was read has passed, so that the relay's kernel feels the line.
        onread: {
          buffer: Buffer.alloc(STEP_BYTES),
          callback: (count, bytes) => {
            const step = Buffer.from(bytes.subarray(0, count));
            const nowMs = performance.now();
            freeAtMs = Math.max(freeAtMs, nowMs - LATE_MS) + (count * 8) / line.kbitPerS;
            const pass = () => client.write(step);
            if (freeAtMs - nowMs < 2) return pass();
            setTimeout(() => {
              pass();
              relay.resume();
            }, freeAtMs - nowMs);
            return false;
          },
        },
      });
      client.setNoDelay(true);
      client.pipe(relay);
      line.#sockets.add(relay);
      for (const [one, other] of [
        [client, relay],
        [relay, client],
      ] as const) {
        line.#sockets.add(one);
        one.on("error", () => {});
        one.on("close", () => {
          other.destroy();
          line.#sockets.delete(one);
        });
      }
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
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }
}
