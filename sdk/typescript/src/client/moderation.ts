// What a member does to others: the acts of a moderator, a raised hand, an invitation. The relay decides; nothing is
// checked here.
import type { Answers, Kind } from "../spec.ts";
import type { Fields } from "./connection.ts";
import type { Camel } from "./event.ts";
import { Lists } from "./lists.ts";

/** What an admission came to: how many were let in, and how many still wait. */
export interface Admitted {
  /** How many were let in. */
  readonly admitted: number;
  /** How many of them still wait: ask again for the rest as long as some were admitted. */
  readonly waiting: number;
}

/** A guest's token. */
export type Invited = Camel<Answers["invite"]>;

/** Whom to invite. */
export interface InviteOptions {
  /** How long the guest's token is good, in seconds; not beyond the end of the member's own. */
  ttlS: number;
  /** Shown to others. */
  name?: string;
  /** Whether the guest's token logs in once. */
  once?: boolean;
}

/** The part of a room that acts on other members. */
export abstract class Moderation extends Lists {
  /** Asks the relay. @internal */
  protected abstract request<T>(fields: Fields): Promise<T>;

  async #moderate<T>(verb: string, fields: Record<string, unknown> = {}): Promise<T> {
    return this.request<T>({ op: "moderate", verb, ...fields });
  }

  /**
   * Asks to be given a role, in place of what was asked before. `askEnded` says what came of it.
   *
   * ```ts
   * await room.ask("speaker");
   * ```
   */
  async ask(role: string): Promise<void> {
    await this.request({ op: "ask", role });
  }

  /**
   * Takes an `ask` back.
   *
   * ```ts
   * await room.unask();
   * ```
   */
  async unask(): Promise<void> {
    await this.request({ op: "unask" });
  }

  /**
   * A token for a guest. The relay chooses the guest's user id.
   *
   * ```ts
   * const { token } = await room.invite("speaker", { ttlS: 3600, name: "Dana" });
   * ```
   */
  async invite(role: string, { ttlS, name, once }: InviteOptions): Promise<Invited> {
    return this.request({ op: "invite", role, ttl_s: Math.ceil(ttlS), name, once });
  }

  /**
   * Removes a member of lower rank; the tokens that it used do not get back in.
   *
   * ```ts
   * await room.kick("ben");
   * ```
   */
  async kick(user: string): Promise<void> {
    await this.#moderate("kick", { user });
  }

  /**
   * Removes a user and keeps it out of the room, whatever token it brings, for `forS` seconds or for good.
   *
   * ```ts
   * await room.ban("ben", { forS: 3600 });
   * ```
   */
  async ban(user: string, { forS }: { forS?: number } = {}): Promise<void> {
    await this.#moderate("ban", { user, for_s: forS && Math.ceil(forS) });
  }

  /**
   * Ends a member's streams of these kinds, and keeps it from publishing them; without kinds: all.
   *
   * ```ts
   * await room.mute("ben", ["audio"]);
   * ```
   */
  async mute(user: string, kinds?: readonly Kind[]): Promise<void> {
    await this.#moderate("mute", { user, kinds });
  }

  /**
   * Takes a `mute` back.
   *
   * ```ts
   * await room.unmute("ben");
   * ```
   */
  async unmute(user: string, kinds?: readonly Kind[]): Promise<void> {
    await this.#moderate("unmute", { user, kinds });
  }

  /**
   * Gives a member a role of no lower rank than it has; so an `ask` is accepted, too.
   *
   * ```ts
   * await room.promote("ben", "speaker");
   * ```
   */
  async promote(user: string, role: string): Promise<void> {
    await this.#moderate("promote", { user, role });
  }

  /**
   * Gives a member a role of no higher rank than it has.
   *
   * ```ts
   * await room.demote("ben", "audience");
   * ```
   */
  async demote(user: string, role: string): Promise<void> {
    await this.#moderate("demote", { user, role });
  }

  /**
   * Lets in a user that waits, some of them, or all whom the member may admit.
   *
   * ```ts
   * const { admitted, waiting } = await room.admit({ all: true });
   * ```
   */
  admit(user: string): Promise<void>;
  admit(users: readonly string[] | { readonly all: true }): Promise<Admitted>;
  // biome-ignore lint/suspicious/noConfusingVoidType: each overload has one of the two.
  async admit(who: string | readonly string[] | { readonly all: true }): Promise<Admitted | void> {
    if (typeof who === "string") await this.#moderate("admit", { user: who });
    else return this.#moderate<Admitted>("admit", "all" in who ? { all: true } : { users: who });
  }

  /**
   * Refuses what a user asked for; one that waits is removed.
   *
   * ```ts
   * await room.decline("ben");
   * ```
   */
  async decline(user: string): Promise<void> {
    await this.#moderate("decline", { user });
  }

  /**
   * Closes the room for everybody.
   *
   * ```ts
   * await room.closeRoom();
   * ```
   */
  async closeRoom(): Promise<void> {
    await this.#moderate("close");
  }
}
