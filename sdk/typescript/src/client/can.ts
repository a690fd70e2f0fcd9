// What the member may do, asked beforehand: for buttons. The relay decides, and knows more (`spec/roles.md` §Actions).
import { type Action, authorize } from "../grants/authorize.ts";
import type { Kind, Rule, Verb } from "../spec.ts";
import type { Grants, To } from "./event.ts";
import type { Lists } from "./lists.ts";

/** Whether something is allowed, and if not, by which rule; `login_required` before there is a seat. */
export type Allowed =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: string; readonly rule?: Rule };

/**
 * Answers from the effective grants. Ranks of other roles are not known to a member: where only they could refuse,
 * the answer is that it is allowed, unless the role is the member's own, which is never below itself.
 *
 * ```ts
 * button.disabled = !room.can.publish("cam", "video").ok;
 * ```
 */
export class Can {
  readonly #lists: Lists;
  readonly #live: () => number;

  /** @internal */
  constructor(lists: Lists, live: () => number) {
    this.#lists = lists;
    this.#live = live;
  }

  #decide(action: (grants: Grants) => Action): Allowed {
    const { grants } = this.#lists;
    return grants ? authorize(grants, action(grants)) : { ok: false, code: "login_required" };
  }

  /** The highest rank that could still be below the own, for a role about which nothing is known. */
  #rankOf(role: string | undefined, { rank, role: own }: Grants): number {
    return role === own ? rank : rank - 1;
  }

  /** Whether it may begin a stream. */
  publish(name: string, kind: Kind): Allowed {
    return this.#decide(() => ({ do: "publish", stream: name, kind, live: this.#live() }));
  }

  /** Whether it may receive a stream of this name of a publisher of this role. */
  subscribe(name: string, role: string): Allowed {
    return this.#decide(() => ({ do: "subscribe", stream: name, publisherRole: role }));
  }

  /** Whether it may message the room, a role or a user. A user that is not in `members` yet counts as allowed. */
  send(to: To): Allowed {
    if (to === "room") return this.#decide(() => ({ do: "sendRoom" }));
    if ("role" in to) return this.#decide(() => ({ do: "sendRole", role: to.role }));
    const role = this.#lists.members.get(to.user)?.role;
    if (role === undefined && this.#lists.grants?.send.users.length) return { ok: true };
    return this.#decide(() => ({ do: "sendUser", role: role ?? "" }));
  }

  /** Whether it may set a key of the room's state. */
  set(key: string): Allowed {
    return this.#decide(() => ({ do: "set", key }));
  }

  /** Whether it may moderate a user; without one, the room. */
  moderate(verb: Verb, user?: string): Allowed {
    const { asks, members } = this.#lists;
    // To decline is part of what it is asked for: to be let in, or to be given a role.
    const asked = user === undefined ? undefined : asks.get(user);
    const granted = verb !== "decline" ? verb : asked && asked.wants === undefined ? "admit" : "promote";
    return this.#decide(grants => {
      const role = user === undefined ? undefined : (asked ?? members.get(user))?.role;
      const target = user === undefined ? {} : { targetRank: this.#rankOf(role, grants) };
      return { do: "moderate", verb: granted, ...target };
    });
  }

  /** Whether it may ask to be given a role. */
  ask(role: string): Allowed {
    return this.#decide(() => ({ do: "ask", role }));
  }

  /** Whether it may obtain a token for a guest of a role. */
  invite(role: string): Allowed {
    return this.#decide(grants => ({ do: "invite", role, rank: this.#rankOf(role, grants) }));
  }
}
