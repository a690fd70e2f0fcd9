// One WebSocket. Knows no message. What was given up is closed, and what it still says is not heard.
import { ConnectError } from "./error.ts";

/** The part of the platform's `WebSocket` that is used. */
export interface SocketLike {
  /** Set to `arraybuffer`. */
  binaryType: string;
  /** Bytes that wait to be written. */
  readonly bufferedAmount: number;
  /** Sends a message. */
  send(data: string | Uint8Array<ArrayBuffer>): void;
  /** Closes. */
  close(): void;
  /** It is open. */
  onopen: ((event: never) => void) | null;
  /** A message came. */
  onmessage: ((event: never) => void) | null;
  /** It closed, or never opened. */
  onclose: ((event: never) => void) | null;
  /** Something failed; `onclose` follows. */
  onerror: ((event: never) => void) | null;
}

/** A `WebSocket` class: the platform's, or that of a package. */
export type SocketClass = new (url: string, protocol: string) => SocketLike;

/** What is heard from a socket. */
export interface SocketEvents {
  opened(): void;
  message(data: string | ArrayBuffer): void;
  /** It closed; code 0 when it broke. */
  closed(code: number, reason: string): void;
}

const SUBPROTOCOL = "stagedoor.v1";

/** Where the relay is: `ws:`, `wss:`, `http:`, `https:`, or a path of the page's origin. */
export function relayUrl(url: string | URL): string {
  const page = (globalThis.location as Location | undefined)?.href;
  const invalid = (why: string) => new ConnectError("url_invalid", `\`url\` ${why}`);
  let parsed: URL;
  try {
    parsed = new URL(url, page);
  } catch {
    throw invalid("is not an address, such as wss://host/v1/connect");
  }
  parsed.protocol = parsed.protocol.replace("http", "ws");
  if (!/^wss?:$/.test(parsed.protocol)) throw invalid("is none of ws:, wss:, http: and https:");
  if (parsed.search || parsed.hash || parsed.username || parsed.password) {
    throw invalid("has a query, a fragment or a password: a token never goes into a URL");
  }
  return parsed.href;
}

/** A socket that listens for as long as nobody gives it up. */
export class Socket {
  readonly #socket: SocketLike;

  constructor(Class: SocketClass, url: string, { opened, message, closed }: SocketEvents) {
    const socket = new Class(url, SUBPROTOCOL);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = opened;
    socket.onmessage = ({ data }: { data: string | ArrayBuffer }) => message(data);
    socket.onclose = ({ code, reason }: { code: number; reason: string }) =>
      closed(code === 1006 || code === 1005 ? 0 : code, reason);
    // Node 22 tells of a connection that failed by this alone.
    socket.onerror = () => closed(0, "");
  }

  /** Bytes that wait to be written. */
  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** Sends a message, if it still can. */
  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(data);
  }

  /** Closes it and hears nothing more. */
  giveUp(): void {
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
