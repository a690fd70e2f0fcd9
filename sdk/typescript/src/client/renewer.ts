// Brings a new token to the open connection. As long as the seat lasts a failing source is tried again.
import type { Grants } from "../grants/grants.ts";
import { delayMs } from "./backoff.ts";
import type { Connection } from "./connection.ts";
import type { Driver } from "./driver.ts";
import { proven } from "./entry.ts";
import { LostError, StagedoorError, TokenDenied, TokenError } from "./error.ts";
import type { RelayEvent } from "./event.ts";
import { Renewal, type TokenWhy } from "./renewal.ts";

/** The answer to a renewal. */
export interface Renewed {
  /** The role that the seat has now. */
  readonly role: string;
  /** What it may do now. */
  readonly grants: Grants;
  /** When the new token ends, Unix seconds. */
  readonly exp: number;
}

/** What a renewer says to its room. */
export interface RenewerEvents {
  renewed(renewed: Renewed): void;
  failed(error: StagedoorError): void;
}

export class Renewer {
  readonly #driver: Driver;
  readonly #events: RenewerEvents;
  #renewal = new Renewal();
  #underWay: Promise<Renewed> | undefined;
  /** The connection for which a notice is obeyed, and why. */
  #obeying: Connection | undefined;
  #why: TokenWhy = "asked";

  constructor(driver: Driver, events: RenewerEvents) {
    this.#driver = driver;
    this.#events = events;
  }

  /** Another connection has another seat. */
  seated(): void {
    this.#renewal = new Renewal();
    this.#underWay = undefined;
    this.#obeying = undefined;
  }

  /** An event came: those that say that the token is at its end begin a renewal. */
  hear(event: RelayEvent): void {
    const why = this.#renewal.why(event);
    if (!why || !this.#driver.settings.source?.isAsked) return;
    this.#why = why;
    void this.#obey(this.#driver.connection);
  }

  /** A new token for the seat. One at a time: each nonce takes the place of the one before. */
  renew(connection: Connection, why: TokenWhy): Promise<Renewed> {
    if (!this.#underWay) {
      const renewing = this.#renew(connection, why).finally(() => {
        if (this.#underWay === renewing) this.#underWay = undefined;
      });
      this.#underWay = renewing;
    }
    return this.#underWay;
  }

  async #renew(connection: Connection, why: TokenWhy): Promise<Renewed> {
    const { source, proofKey } = this.#driver.settings;
    let token: string | undefined;
    try {
      if (!source) throw new TokenError("token_source_failed", "stop");
      const text = await source.ask(why);
      token = text;
      // A login has brought it meanwhile.
      if (this.#driver.connection !== connection) throw new LostError();
      return await proven<Renewed>(connection, { op: "renew", token: text }, text, proofKey, renewed => {
        source.accepted(text, renewed.exp);
        this.#events.renewed(renewed);
      });
    } catch (error) {
      if (!(error instanceof StagedoorError) || error instanceof LostError) throw error;
      if (token !== undefined && error.next === "token") source?.drop(token, "refused");
      this.#events.failed(error);
      if (error instanceof TokenDenied) this.#driver.close({ code: 0, reason: error.code, next: "stop" });
      throw error;
    }
  }

  async #obey(connection: Connection | undefined): Promise<void> {
    if (!connection || this.#obeying === connection) return;
    this.#obeying = connection;
    const { awake, reconnect } = this.#driver.settings;
    for (let attempt = 1; this.#driver.connection === connection; attempt += 1) {
      try {
        await this.renew(connection, this.#why);
        break;
      } catch (error) {
        const next = error instanceof StagedoorError ? error.next : "stop";
        if (next === "stop") break;
        if (next === "token") this.#why = "refused";
      }
      await new Promise<void>(resolve => {
        const stop = awake.after(delayMs("later", attempt, Math.random(), reconnect || {}), resolve);
        void connection.ended.then(() => {
          stop();
          resolve();
        });
      });
    }
    if (this.#obeying === connection) this.#obeying = undefined;
  }
}
