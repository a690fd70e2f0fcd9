// For those who teach: who waits, whose hand is up, who is here, and who was put out.
import type { Member, Room } from "@stagedoor/sdk/client";
import * as acts from "./acts.ts";
import { $, button, el } from "./dom.ts";
import { act } from "./log.ts";

export function startPeople(room: Room, name: string): void {
  const muted = new Set<string>();
  const does = (id: keyof typeof acts, done: string, run: () => Promise<void>) => () =>
    act(id, done, run).then(show);
  const one = (
    id: "admit" | "decline" | "toTheBoard" | "back" | "kick" | "ban",
    text: string,
    user: string,
  ) =>
    button(
      text,
      does(id, `${text}: ${user}`, () => acts[id](room, user)),
    );

  const row = (user: string, words: string, ...buttons: HTMLElement[]) => {
    for (const made of buttons) made.ariaLabel = `${made.textContent} ${user}`;
    return el("li", el("span", el("b", user), ` ${words}`), ...buttons);
  };
  const mute = (user: string) => {
    const isMuted = muted.has(user);
    return button(
      isMuted ? "Unmute" : "Mute",
      does(isMuted ? "unmute" : "mute", `${isMuted ? "unmuted" : "muted"}: ${user}`, async () => {
        await acts[isMuted ? "unmute" : "mute"](room, user);
        muted[isMuted ? "delete" : "add"](user);
      }),
    );
  };
  const student = ({ user, role }: Member) =>
    row(
      user,
      role,
      ...(role === "presenter" ? [mute(user), one("back", "Back", user)] : []),
      one("kick", "Kick", user),
      one("ban", "Ban", user),
      button(
        "Revoke",
        does("revoke", `every token of ${user} so far is revoked`, () => acts.revoke(name, user)),
      ),
    );
  const out = (user: string, how: string) =>
    row(
      user,
      how,
      button(
        "Let in again",
        does("letIn", `${user} may come in again`, () => acts.letIn(room, name, user)),
      ),
    );

  function show(): void {
    const { asks, members, values, me } = room;
    const waits = [...asks.values()].filter(({ wants }) => wants === undefined);
    const hands = [...asks.values()].filter(({ wants }) => wants !== undefined);
    $("door").replaceChildren(
      ...waits.map(({ user }) =>
        row(user, "waits", one("admit", "Admit", user), one("decline", "Decline", user)),
      ),
    );
    $("hands").replaceChildren(
      ...hands.map(({ user }) =>
        row(user, "raises a hand", one("toTheBoard", "To the board", user), one("decline", "Not now", user)),
      ),
    );
    const students = [...members.values()].filter(
      ({ user, role }) => user !== me?.user && role !== "teacher",
    );
    $("members").replaceChildren(...students.map(student));
    const gone = [...values.values()].filter(({ key }) => key.startsWith("out."));
    $("gone").replaceChildren(...gone.map(({ key, value }) => out(key.slice(4), `was ${value}`)));
  }

  for (const event of ["asked", "askEnded", "joined", "left", "roleChanged", "state", "status"] as const) {
    room.on(event, show);
  }
  $("people").hidden = !room.can.moderate("admit").ok;
  show();
}
