// A new token on the open connection: when the source is asked. Pure: never speaks itself.
import type { RelayEvent } from "./event.ts";

/** Why a token is asked for. */
export type TokenWhy = "login" | "expiring" | "expired" | "revoked" | "refused" | "asked";

/** The renewal of one connection. */
export class Renewal {
  /**
   * The end of life for which a notice was obeyed. A source that gives the same token again, or another that ends
   * with it, would otherwise be asked at every third of what is left.
   */
  #obeyedExp = 0;

  /** Why an event asks for a renewal; nothing if it does not. */
  why({ type, event }: RelayEvent): TokenWhy | undefined {
    if (type === "tokenExpired") return "expired";
    if (type === "tokenRevoked") return "revoked";
    if (type !== "tokenExpiring" || event.exp <= this.#obeyedExp) return undefined;
    this.#obeyedExp = event.exp;
    return "expiring";
  }
}
