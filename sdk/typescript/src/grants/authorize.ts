// Grants and an action become a decision (spec/roles.md §Actions). What no grant names is refused, and the decision
// says by which rule. Pure; the relay decides again, and its decision counts.

import type { Kind, Rule, Verb } from "../spec.ts";
import type { Grants } from "./grants.ts";
import { matches } from "./pattern.ts";

/** What a member wants to do. */
export type Action =
  /** Begin a stream while `live` streams of the member live. */
  | { readonly do: "publish"; readonly stream: string; readonly kind: Kind; readonly live: number }
  /** Receive a stream. */
  | { readonly do: "subscribe"; readonly stream: string; readonly publisherRole: string }
  /** Message everybody. */
  | { readonly do: "sendRoom" }
  /** Message everybody of a role. */
  | { readonly do: "sendRole"; readonly role: string }
  /** Message one user, who has this role. */
  | { readonly do: "sendUser"; readonly role: string }
  /** Set a key of the room's state. */
  | { readonly do: "set"; readonly key: string }
  /** Moderate a member of this rank; without one, the room. */
  | { readonly do: "moderate"; readonly verb: Verb; readonly targetRank?: number }
  /** Give a member of rank `targetRank`, whose role has `fromRank`, a role of `toRank`. */
  | {
      readonly do: "assign";
      readonly verb: Verb;
      readonly targetRank: number;
      readonly fromRank: number;
      readonly toRank: number;
    }
  /** Ask to be given a role. */
  | { readonly do: "ask"; readonly role: string }
  /** Obtain a token for somebody else, with a role of this rank. */
  | { readonly do: "invite"; readonly role: string; readonly rank: number }
  /** See another member, who has these grants. */
  | { readonly do: "see"; readonly member: Grants };

/** The code of a refusal by a rule of the grants. */
export type DeniedCode =
  | "publish_denied"
  | "subscribe_denied"
  | "send_denied"
  | "set_denied"
  | "moderate_denied"
  | "presence_denied"
  | "ask_denied"
  | "invite_denied";

/** Whether an action is allowed, and if not, which rule refuses it. */
export type Decision =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: DeniedCode; readonly rule: Rule };

/**
 * Decides. The first rule that does not hold refuses.
 *
 * ```ts
 * const decision = authorize(grants, { do: "publish", stream: "cam", kind: "video", live: 0 });
 * if (!decision.ok) console.log(decision.rule); // "publish.kinds"
 * ```
 */
export function authorize(grants: Grants, action: Action): Decision {
  const { publish, subscribe, send, rank } = grants;
  switch (action.do) {
    case "publish":
      return first("publish_denied", [
        [matches(publish.streams, action.stream), "publish.streams"],
        [publish.kinds.includes(action.kind), "publish.kinds"],
        [action.live < publish.streams_max, "publish.streams_max"],
      ]);
    case "subscribe":
      return first("subscribe_denied", [
        [matches(subscribe.streams, action.stream), "subscribe.streams"],
        [matches(subscribe.from, action.publisherRole), "subscribe.from"],
      ]);
    case "sendRoom":
      return first("send_denied", [[send.room, "send.room"]]);
    case "sendRole":
      return first("send_denied", [[matches(send.roles, action.role), "send.roles"]]);
    case "sendUser":
      return first("send_denied", [[matches(send.users, action.role), "send.users"]]);
    case "set":
      return first("set_denied", [[matches(grants.set, action.key), "set"]]);
    case "moderate":
      return first("moderate_denied", [
        [isGranted(grants, action.verb), "moderate"],
        [action.targetRank === undefined || action.targetRank < rank, "rank"],
      ]);
    case "assign":
      return first("moderate_denied", [
        [isGranted(grants, action.verb), "moderate"],
        [Math.max(action.targetRank, action.toRank) < rank, "rank"],
        [leads(action.verb, action.fromRank, action.toRank), "moderate.direction"],
      ]);
    case "ask":
      return first("ask_denied", [[matches(grants.ask, action.role), "ask"]]);
    case "invite":
      return first("invite_denied", [
        [matches(grants.invite, action.role), "invite"],
        [action.rank < rank, "invite.rank"],
      ]);
    case "see":
      return first("presence_denied", [
        [matches(grants.presence.sees, action.member.role), "presence.sees"],
        [matches(action.member.presence.seen_by, grants.role), "presence.seen_by"],
      ]);
  }
}

function isGranted(grants: Grants, verb: Verb): boolean {
  return (grants.moderate as readonly Verb[]).includes(verb);
}

/** Whether a verb leads from one rank to another. */
function leads(verb: Verb, fromRank: number, toRank: number): boolean {
  return verb === "promote" ? toRank >= fromRank : verb === "demote" && toRank <= fromRank;
}

function first(code: DeniedCode, rules: readonly (readonly [holds: boolean, rule: Rule])[]): Decision {
  const broken = rules.find(([holds]) => !holds);
  return broken ? { ok: false, code, rule: broken[1] } : { ok: true };
}
