// How to connect. Reads nothing of the platform before it is asked to.
import { Awake, type Clock, platformClock } from "./awake.ts";
import type { Reconnect } from "./backoff.ts";
import { ConnectError } from "./error.ts";
import type { ProofKey } from "./proof.ts";
import type { Resume } from "./resume.ts";
import { Room } from "./room.ts";
import { relayUrl, type SocketClass } from "./socket.ts";
import { type Token, TokenSource } from "./token.ts";

/** How to connect. */
export interface ConnectOptions {
  /** The relay: `ws:`, `wss:`, `http:` or `https:`, or a path of the page's origin. */
  url: string | URL;
  /** A token, or where it comes from. Required unless `cookie`. */
  token?: Token;
  /** Whether the handshake brings the token as a cookie. */
  cookie?: boolean;
  /** The room that the token must be for. */
  room?: string;
  /** The user that the token must be for. */
  user?: string;
  /** The key to which the tokens are bound. */
  proofKey?: Pick<ProofKey, "prove">;
  /** Ends the attempt, and the room. */
  signal?: AbortSignal;
  /** How a lost connection is tried again; `false`: never. The close table decides in any case. */
  reconnect?: Reconnect | false;
  /** Whether the first connection is tried again, too. */
  retryFirst?: boolean;
  /** After how long without a byte the relay is asked whether it is there: milliseconds in which the page ran. 40,000 unless set. */
  silenceMaxMs?: number;
  /** How long one request may take, in milliseconds. 10,000 unless set. */
  answerMaxMs?: number;
  /** Where positions are kept while the page is loaded again: `sessionResume("key")`. */
  resume?: Resume;
  /** Whether the member leaves when its page goes for good; `true` unless set. */
  leaveOnPagehide?: boolean;
  /** The relay's `frame_bytes_max`, if it is not the default. */
  frameBytesMax?: number;
  /** Another `WebSocket` than the platform's. */
  WebSocket?: SocketClass;
  /** Another clock than the platform's. */
  clock?: Clock;
}

/**
 * Connects and takes the seat. This first time nothing is tried twice, unless `retryFirst`.
 *
 * ```ts
 * await using room = await connect({
 *   url: "wss://rooms.example.com/v1/connect",
 *   token: async ({ signal }) => (await fetch("/room-token", { signal })).text(),
 * });
 * ```
 *
 * @throws `ConnectError`, `RefusedError`, `TokenError`, `TokenDenied`, `KeyError`, and the `signal`'s `AbortError`.
 */
export async function connect(options: ConnectOptions): Promise<Room> {
  const { token, signal } = options;
  signal?.throwIfAborted();
  const url = relayUrl(options.url);
  if (token === undefined && !options.cookie) throw new TypeError("`token` is required unless `cookie`");
  const WebSocket = options.WebSocket ?? (globalThis.WebSocket as unknown as SocketClass | undefined);
  if (!WebSocket) throw new ConnectError("socket_failed", "this platform has no WebSocket: give `WebSocket`");
  const life = new AbortController();
  const awake: Awake = new Awake(options.clock ?? platformClock, () => room.woke());
  const source = token === undefined ? undefined : new TokenSource(token, awake, life.signal);
  const room: Room = new Room({ ...DEFAULTS, ...options, url, WebSocket, awake, life, source });
  await room.start(signal);
  return room;
}

const DEFAULTS = {
  reconnect: {},
  silenceMaxMs: 40_000,
  answerMaxMs: 10_000,
  leaveOnPagehide: true,
  frameBytesMax: 1_048_576,
};
