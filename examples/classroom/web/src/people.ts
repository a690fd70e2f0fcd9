// For teachers: the door, raised hands, the students, and those who were put out.
import type { Member, Room } from "@stagedoor/sdk/client";
import { admit, back, ban, decline, kick, letIn, mute, revoke, toTheBoard, unmute } from "./acts.ts";
import { $, button, el } from "./dom.ts";
import { act } from "./log.ts";

/** Acts on one user, by the name of the code that does them. */
const ACTS = { admit, decline, toTheBoard, back, mute, unmute, kick, ban };

export class People {
  readonly #room: Room;
  readonly #name: string;
  readonly #muted = new Set<string>();

  constructor(room: Room, name: string) {
    this.#room = room;
    this.#name = name;
    const events = ["asked", "askEnded", "joined", "left", "roleChanged", "state", "status"] as const;
    for (const event of events) room.on(event, () => this.#show());
    $("people").hidden = !room.can.moderate("admit").ok;
    this.#show();
  }

  #show(): void {
    const { asks, members, values, me } = this.#room;
    const waiting = [...asks.values()].filter(({ wants }) => wants === undefined);
    const hands = [...asks.values()].filter(({ wants }) => wants !== undefined);
    const here = [...members.values()].filter(({ user, role }) => user !== me?.user && role !== "teacher");
    const gone = [...values.values()].filter(({ key }) => key.startsWith("out."));
    list("door", waiting, ({ user }) =>
      row(user, "waits", this.#one("admit", "Admit", user), this.#one("decline", "Decline", user)),
    );
    list("hands", hands, ({ user }) => {
      const buttons = [this.#one("toTheBoard", "To the board", user), this.#one("decline", "Not now", user)];
      return row(user, "raises a hand", ...buttons);
    });
    list("members", here, member => this.#student(member));
    list("gone", gone, ({ key, value }) => {
      const user = key.slice("out.".length);
      const lift = () => letIn(this.#room, this.#name, user);
      return row(user, `was ${value}`, this.#does("letIn", "Let in again", user, lift));
    });
  }

  #student({ user, role }: Member): HTMLElement {
    const silence = this.#muted.has(user)
      ? this.#one("unmute", "Unmute", user, () => this.#muted.delete(user))
      : this.#one("mute", "Mute", user, () => this.#muted.add(user));
    return row(
      user,
      role,
      ...(role === "presenter" ? [silence, this.#one("back", "Back", user)] : []),
      this.#one("kick", "Kick", user),
      this.#one("ban", "Ban", user),
      this.#does("revoke", "Revoke", user, () => revoke(this.#name, user)),
    );
  }

  #one(name: keyof typeof ACTS, text: string, user: string, then?: () => unknown): HTMLButtonElement {
    return this.#does(name, text, user, async () => {
      await ACTS[name](this.#room, user);
      then?.();
    });
  }

  #does(name: string, text: string, user: string, run: () => Promise<void>): HTMLButtonElement {
    return button(text, async () => {
      await act(name, `${text}: ${user}`, run);
      this.#show();
    });
  }
}

function row(user: string, words: string, ...buttons: HTMLElement[]): HTMLElement {
  for (const made of buttons) made.ariaLabel = `${made.textContent} ${user}`;
  return el("li", el("span", el("b", user), ` ${words}`), ...buttons);
}

/** Shows a list, and keeps the focus where it was. */
function list<T>(id: string, all: readonly T[], show: (one: T) => HTMLElement): void {
  const focused = document.activeElement?.ariaLabel;
  $(id).replaceChildren(...all.map(show));
  $(id).hidden = !all.length;
  if (focused && document.activeElement === document.body) {
    for (const made of $(id).querySelectorAll("button")) if (made.ariaLabel === focused) made.focus();
  }
}
