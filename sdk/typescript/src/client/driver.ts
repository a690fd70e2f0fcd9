// Owns the connection and brings it back, as the close table allows. Two connections never log in for one room.
import { delayMs, type Reconnect } from "./backoff.ts";
import { nextAfter } from "./close.ts";
import { Connection, type ConnectionSettings, type End, type Unasked } from "./connection.ts";
import { complete, type LoginSettings, logIn } from "./entry.ts";
import { ClosedError, ConnectError, LostError, StagedoorError } from "./error.ts";
import type { Closed, RoomEvents, Seat } from "./event.ts";
import type { Memory } from "./memory.ts";
import type { TokenWhy } from "./renewal.ts";
import type { TokenSource } from "./token.ts";

/** How a room connects. */
export interface DriverSettings extends ConnectionSettings, LoginSettings {
  source: TokenSource | undefined;
  reconnect: Reconnect | false;
  retryFirst?: boolean;
  /** Whether the handshake logs in. */
  cookie?: boolean;
  /** Ends with the room. */
  life: AbortController;
}

/** What a driver says to its room. */
export interface DriverEvents {
  /** The login was answered; the connection has lists still to complete, and nothing is passed on yet. */
  loggedIn(seat: Seat, rttMs: number): void;
  /** What was read and published before is to go on; the names of what did not. */
  takeUp(connection: Connection): Promise<string[]>;
  /** The seat is there. What is said next is heard from `Connection.release` on. */
  seated(connection: Connection, seat: Seat, begunAnew: string[], isFirst: boolean): void;
  hear(said: Unasked): void;
  /** The connection is gone, with everything that was counted on it. */
  lost(): void;
  reconnecting(event: RoomEvents["reconnecting"]): void;
  closed(closed: Closed): void;
  /** The relay's Unix time in milliseconds. */
  relayNowMs(): number;
}

/** An attempt that follows a wake so soon is because of it. */
const WOKE_MS = 5000;

export class Driver {
  readonly settings: DriverSettings;
  readonly #memory: Memory;
  readonly #events: DriverEvents;
  #connection: Connection | undefined;
  #isSeated = false;
  #endPause: ((woken: boolean) => void) | undefined;
  #wokeAt = -Infinity;

  constructor(settings: DriverSettings, memory: Memory, events: DriverEvents) {
    this.settings = settings;
    this.#memory = memory;
    this.#events = events;
  }

  /** The connection, while it has a seat. */
  get connection(): Connection | undefined {
    return this.#isSeated ? this.#connection : undefined;
  }

  /** The same; throws where there is none. */
  seated(): Connection {
    const { connection } = this;
    if (connection) return connection;
    throw this.life.aborted ? new ClosedError() : new LostError();
  }

  /** Ends with the room. */
  get life(): AbortSignal {
    return this.settings.life.signal;
  }

  /** The first time: nothing is tried twice, unless `retryFirst`. */
  async start(): Promise<void> {
    // A mount that is taken back at once leaves nothing.
    await undefined;
    try {
      this.life.throwIfAborted();
      await this.#attempt(true);
    } catch (error) {
      this.life.throwIfAborted();
      if (!this.settings.retryFirst) {
        this.close(closedBy(error));
        throw error;
      }
      const failed = await this.#retry(error as StagedoorError, closedBy(error), true);
      if (failed !== undefined) throw failed;
      this.life.throwIfAborted();
    }
  }

  /** The page runs again: asks whether the relay is there, or tries again without waiting for the rest of a pause. */
  woke(): void {
    const { awake, answerMaxMs } = this.settings;
    this.#wokeAt = awake.clock.now();
    this.#endPause?.(true);
    this.connection?.probe(answerMaxMs / 2);
  }

  /** The end; nothing follows. `because` is what an attempt that is under way rejects with. */
  close(closed: Closed, because: unknown = new ClosedError()): void {
    if (this.life.aborted) return;
    this.settings.life.abort(because);
    this.#isSeated = false;
    this.#endPause?.(false);
    this.settings.awake.stop();
    this.#connection?.giveUp(closed.code, closed.reason);
    this.#connection = undefined;
    this.#events.closed(closed);
  }

  /** A seat, with the ticket if there is one, else, or if that is not good any more, with a token. */
  async #attempt(isFirst: boolean): Promise<void> {
    const { settings } = this;
    const { source } = settings;
    for (;;) {
      const ticket = settings.cookie ? undefined : this.#memory.ticket;
      const isTokenDue = ticket === undefined && !settings.cookie;
      const token = isTokenDue ? await source?.get(this.#events.relayNowMs()) : undefined;
      this.life.throwIfAborted();
      const connection = new Connection(settings, said => this.#events.hear(said));
      this.#connection = connection;
      try {
        await connection.open();
        const sentMs = settings.awake.clock.now();
        const seat = await logIn(connection, settings, { token, ticket, resume: this.#memory.events });
        this.#memory.seated(seat);
        if (token !== undefined) source?.accepted(token, seat.exp);
        if (seat.ticket !== undefined) source?.used();
        const rttMs = settings.awake.clock.now() - sentMs;
        await complete(connection, seat);
        this.#events.loggedIn(seat, rttMs);
        const begunAnew = await this.#events.takeUp(connection);
        if (connection.isOver) throw new LostError();
        this.#isSeated = true;
        void connection.ended.then(end => this.#again(connection, end));
        return this.#events.seated(connection, seat, begunAnew, isFirst);
      } catch (cause) {
        // Of a connection that went in the middle, its close says what to do.
        const error = cause instanceof LostError ? closedWith(await connection.end()) : cause;
        connection.giveUp();
        this.#connection = undefined;
        this.#events.lost();
        const { next } = closedBy(error);
        if (next !== "token") throw error;
        if (token !== undefined) source?.drop(token, whyOf(error));
        if (ticket === undefined) throw error;
        this.#memory.ticket = undefined;
      }
    }
  }

  /** The connection is gone. */
  async #again(connection: Connection, { code, reason }: End): Promise<void> {
    if (connection !== this.#connection) return;
    this.#isSeated = false;
    this.#connection = undefined;
    this.#events.lost();
    const because = closedWith({ code, reason });
    const closed = { code, reason, next: nextAfter(code) };
    if (closed.next === "token") {
      this.#memory.ticket = undefined;
      this.settings.source?.dropAccepted(whyOf(because));
    }
    await this.#retry(because, closed, false);
  }

  /** Brings the connection back, as often as it takes and the close table allows; else what it failed of. */
  async #retry(because: StagedoorError, closed: Closed, isFirst: boolean): Promise<unknown> {
    const { awake, reconnect } = this.settings;
    for (let attempt = 1; ; attempt += 1) {
      if (reconnect === false || closed.next === "stop" || attempt > (reconnect.attemptsMax ?? 100)) {
        this.close(closed);
        return because;
      }
      const isWoken = awake.clock.now() - this.#wokeAt < WOKE_MS;
      this.#wokeAt = -Infinity;
      const pauseMs = isWoken ? 0 : delayMs(closed.next, attempt, Math.random(), reconnect);
      this.#events.reconnecting({ attempt, delayMs: pauseMs, because });
      // An attempt after a wake is not one more that failed.
      if ((await this.#pause(pauseMs)) || isWoken) attempt -= 1;
      if (this.life.aborted) return undefined;
      try {
        return await this.#attempt(isFirst);
      } catch (error) {
        if (this.life.aborted) return undefined;
        closed = closedBy(error);
        because = error as StagedoorError;
      }
    }
  }

  /** Waits; `true` if a wake ended it. */
  #pause(ms: number): Promise<boolean> {
    return new Promise(resolve => {
      const end = (woken: boolean) => {
        stop();
        this.#endPause = undefined;
        resolve(woken);
      };
      const stop = this.settings.awake.after(ms, () => end(false));
      this.#endPause = end;
    });
  }
}

function closedWith({ code, reason }: End): ConnectError {
  return new ConnectError("closed", `closed with ${code} ${reason}`.trim(), code);
}

/** What an error means for the room. */
export function closedBy(error: unknown): Closed {
  if (error instanceof StagedoorError) {
    const { closeCode } = error as { closeCode?: number };
    return { code: closeCode ?? 0, reason: error.code, next: error.next };
  }
  return { code: 0, reason: String(error), next: "stop" };
}

/** Why the next token is asked for. */
function whyOf(error: unknown): TokenWhy {
  const { closeCode } = error as { closeCode?: number };
  return closeCode === 4201 ? "expired" : closeCode === 4205 ? "revoked" : "refused";
}
