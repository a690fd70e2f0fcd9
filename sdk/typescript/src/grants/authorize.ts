// Grants and an action become a decision (spec/roles.md §Actions). What no grant names is refused, and the decision
// says by which rule. Pure; the relay decides again, and its decision counts.

import type { Kind, Rule, Verb } from "../spec.ts";
import type { Grants } from "./grants.ts";
import { matches } from "./pattern.ts";

/**
 * What a member wants to do.
 *
 * ```ts
 * const speak: Action = { do: "publish", stream: "mic", kind: "audio", live: 0 };
 * ```
 */
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

/**
 * Whether an action is allowed, and if not, which rule refuses it.
 *
 * ```ts
 * const text = (decision: Decision): string => (decision.ok ? "yes" : `no: ${decision.rule}`);
 * ```
 */
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
  const rule = checksOf(grants, action).find(([, holds]) => !holds)?.[0];
  if (rule === undefined) return { ok: true };
  // The code is that of the rule's section; ranks are moderation's.
  const section = rule === "rank" ? "moderate" : rule.split(".")[0];
  return { ok: false, code: `${section}_denied` as DeniedCode, rule };
}

type Check = readonly [rule: Rule, holds: boolean];

/** What must hold, in the order of the specification. */
function checksOf(grants: Grants, action: Action): readonly Check[] {
  /** The rule that is a list of patterns or words, and whether it has a name. */
  const lists = (rule: Rule, name: string): Check => [rule, matches(at(grants, rule) as string[], name)];
  const { rank } = grants;
  switch (action.do) {
    case "publish":
      return [
        lists("publish.streams", action.stream),
        lists("publish.kinds", action.kind),
        ["publish.streams_max", action.live < grants.publish.streams_max],
      ];
    case "subscribe":
      return [lists("subscribe.streams", action.stream), lists("subscribe.from", action.publisherRole)];
    case "sendRoom":
      return [["send.room", grants.send.room]];
    case "sendRole":
      return [lists("send.roles", action.role)];
    case "sendUser":
      return [lists("send.users", action.role)];
    case "set":
      return [lists("set", action.key)];
    case "moderate":
      return [lists("moderate", action.verb), ["rank", (action.targetRank ?? -1) < rank]];
    case "assign":
      return [
        lists("moderate", action.verb),
        ["rank", Math.max(action.targetRank, action.toRank) < rank],
        ["moderate.direction", leads(action.verb, action.fromRank, action.toRank)],
      ];
    case "ask":
      return [lists("ask", action.role)];
    case "invite":
      return [lists("invite", action.role), ["invite.rank", action.rank < rank]];
    case "see":
      return [
        lists("presence.sees", action.member.role),
        ["presence.seen_by", matches(action.member.presence.seen_by, grants.role)],
      ];
  }
}

/** What stands in grants at a rule's place. */
export function at(grants: object, rule: Rule): unknown {
  return rule.split(".").reduce<unknown>((one, name) => Object(one)[name], grants);
}

/** Whether a verb leads from one rank to another. */
function leads(verb: Verb, fromRank: number, toRank: number): boolean {
  return verb === "promote" ? toRank >= fromRank : verb === "demote" && toRank <= fromRank;
}
