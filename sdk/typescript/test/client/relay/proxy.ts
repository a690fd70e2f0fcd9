// A line between client and relay that can be cut, held and counted. Knows no WebSocket.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class Line {
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  /** Connections that came. */
  count = 0;
  /** What clients sent, as text: for those who look for what must not be there. */
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
        from.on("data", bytes => line.#held || to.write(bytes));
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
