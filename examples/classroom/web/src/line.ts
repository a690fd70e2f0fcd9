// The page's socket, with a switch: it can be cut, as a tunnel or a lid does it.
import type { SocketLike } from "@stagedoor/sdk/client";

const open = new Set<Line>();
let isCut = false;

/** A `WebSocket` that can be cut. */
export class Line implements SocketLike {
  onopen: SocketLike["onopen"] = null;
  onmessage: SocketLike["onmessage"] = null;
  onclose: SocketLike["onclose"] = null;
  onerror: SocketLike["onerror"] = null;
  binaryType = "arraybuffer";
  readonly #socket: WebSocket | undefined;

  constructor(url: string, protocol: string) {
    if (isCut) {
      setTimeout(() => this.#broken());
      return;
    }
    const socket = new WebSocket(url, protocol);
    socket.binaryType = "arraybuffer";
    socket.onopen = event => this.onopen?.(event as never);
    socket.onmessage = event => this.onmessage?.(event as never);
    socket.onclose = event => this.#closed(event);
    this.#socket = socket;
    open.add(this);
  }

  get bufferedAmount(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#socket?.send(data);
  }

  close(): void {
    this.#socket?.close();
  }

  /** What a lost connection looks like. */
  break(): void {
    if (this.#socket) this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket?.close();
    this.#broken();
  }

  #broken(): void {
    this.#closed({ code: 1006, reason: "" });
  }

  #closed(event: { code: number; reason: string }): void {
    open.delete(this);
    this.onclose?.(event as never);
  }
}

/** No byte passes for so long. */
export function cut(ms: number): void {
  isCut = true;
  for (const line of open) line.break();
  setTimeout(() => {
    isCut = false;
    // What a browser says when the network is back.
    dispatchEvent(new Event("online"));
  }, ms);
}
