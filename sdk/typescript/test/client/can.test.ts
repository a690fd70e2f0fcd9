// What may be asked beforehand, on the vectors of the roles: `can` and the specification say the same.
import { expect, test } from "vitest";
import builtIn from "../../../../spec/vectors/roles/built_in.json" with { type: "json" };
import { Can } from "../../src/client/can.ts";
import type { Grants, Seat } from "../../src/client/event.ts";
import { Lists } from "../../src/client/lists.ts";

function can(grants: Grants, members: Seat["members"] = [], live = 0): Can {
  const lists = new Lists();
  const seat = { user: "me", role: grants.role, grants, exp: 1, count: 1, members, streams: [], state: [] };
  lists.seated(seat as unknown as Seat);
  return new Can(lists, () => live);
}

test("nothing is allowed before there is a seat", () => {
  const none = new Can(new Lists(), () => 0);
  expect(none.publish("cam", "video")).toEqual({ ok: false, code: "login_required" });
  expect(none.send("room").ok).toBe(false);
  expect(none.moderate("kick", "ben").ok).toBe(false);
});

test("a member of the same role is not below, and of an unknown one the relay decides", () => {
  const grants = builtIn.roles[1] as unknown as Grants;
  const members = [
    { user: "same", role: "cohost" },
    { user: "other", role: "audience" },
  ];
  const cohost = can(grants, members);
  expect(cohost.moderate("kick", "same")).toEqual({ ok: false, code: "moderate_denied", rule: "rank" });
  expect(cohost.moderate("kick", "other").ok).toBe(true);
  expect(cohost.moderate("close").ok).toBe(false);
  expect(cohost.invite("cohost")).toMatchObject({ ok: false, rule: "invite" });
  expect(cohost.invite("speaker").ok).toBe(true);
});

type Action = {
  do: string;
  stream?: string;
  kind?: string;
  live?: number;
  publisher_role?: string;
  role?: string;
  key?: string;
};

/** What `can` says of an action of the vectors; nothing for those that need a rank, which a member does not know. */
function asked({ role, name }: { role: string; name: string }, action: Action): string | undefined {
  const grants = builtIn.roles.find(one => one.role === role) as unknown as Grants;
  const member = { user: "other", role: action.role ?? "" };
  const mine = can(grants, [member], action.live);
  const decided = {
    publish: () => mine.publish(action.stream ?? "", action.kind as "audio"),
    subscribe: () => mine.subscribe(action.stream ?? "", action.publisher_role ?? ""),
    send_room: () => mine.send("room"),
    send_role: () => mine.send({ role: action.role ?? "" }),
    send_user: () => mine.send({ user: "other" }),
    set: () => mine.set(action.key ?? ""),
    ask: () => mine.ask(action.role ?? ""),
    invite: () => mine.invite(action.role ?? ""),
  }[action.do];
  const answer = decided?.();
  if (!answer) return undefined;
  return answer.ok ? "allowed" : (answer.rule ?? name);
}

test("can says what the vectors of the roles say", () => {
  let count = 0;
  for (const one of builtIn.cases) {
    const says = asked(one, one.action as Action);
    if (says === undefined) continue;
    count += 1;
    // Ranks of other roles are the relay's to know.
    const isRank = one.expect === "invite.rank" && (one.action as Action).role !== one.role;
    expect(says, one.name).toBe(isRank ? "allowed" : one.expect);
  }
  expect(count).toBeGreaterThan(50);
});
