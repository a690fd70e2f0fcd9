// A line between client and relay on which what the relay sends takes its time. Knows no WebSocket.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** What passes at once. */
const STEP_BYTES = 1400;

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
      const relay = connect({ port: Number(port), host: hostname });
      client.setNoDelay(true);
      client.pipe(relay);
      line.#pass(relay, client).catch(() => {});
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

  /** Reads no further before what was read has passed, so that the relay's kernel feels the line. */
  async #pass(from: Socket, to: Socket): Promise<void> {
    let freeAtMs = 0;
    for await (const bytes of from as AsyncIterable<Buffer>) {
      for (let at = 0; at < bytes.length; at += STEP_BYTES) {
        const step = bytes.subarray(at, at + STEP_BYTES);
        const nowMs = performance.now();
        freeAtMs = Math.max(freeAtMs, nowMs) + (step.length * 8) / this.kbitPerS;
        if (freeAtMs - nowMs > 2) await new Promise(resolve => setTimeout(resolve, freeAtMs - nowMs));
        to.write(step);
      }
    }
  }

  /** The relay's address by way of this line. */
  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/connect`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}
