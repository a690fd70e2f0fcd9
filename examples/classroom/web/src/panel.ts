// The panel: the token decoded, what the member may do now, and what it may not, to try.
import type { Room } from "@stagedoor/sdk/client";
import { $, button, el } from "./dom.ts";
import { showCode } from "./log.ts";
import { claims } from "./seat.ts";

/** What a person would ask, and how the client answers from the effective grants. */
const ACTS: readonly [string, (room: Room) => boolean][] = [
  ["publish a picture", ({ can, me }) => can.publish(`picture.${me?.user}`, "video").ok],
  ["publish sound", ({ can, me }) => can.publish(`voice.${me?.user}`, "audio").ok],
  ["share a screen", ({ can }) => can.publish("screen", "screen").ok],
  ["see the teachers", ({ can }) => can.subscribe("picture.teacher", "teacher").ok],
  ["see other students", ({ can }) => can.subscribe("picture.x", "student").ok],
  ["message everybody", ({ can }) => can.send("room").ok],
  ["message the teachers", ({ can }) => can.send({ role: "teacher" }).ok],
  ["turn the slide", ({ can }) => can.set("slide").ok],
  ["admit students", ({ can }) => can.moderate("admit").ok],
  ["mute, kick and ban", ({ can }) => can.moderate("ban").ok],
  ["ask for the board", ({ can }) => can.ask("presenter").ok],
];

/** Acts that a role has not; what they came to if they were done. */
const FORBIDDEN: readonly [string, (room: Room) => Promise<unknown>][] = [
  ["Publish a screen", async room => (await room.publish("screen", "screen")).end()],
  ["Message everybody", room => room.send("room", "hello", { topic: "chat" })],
  ["Kick the teacher", room => room.kick("teacher")],
];
const FORBIDDEN_TO_TEACHERS: typeof FORBIDDEN = [
  ["Kick the teacher", room => room.kick("teacher")],
  ["Ask for the board", room => room.ask("presenter")],
  ["Make yourself a student", room => room.demote("teacher", "student")],
];

const SECOND_MS = 1000;

export function startPanel(room: Room): void {
  const show = () => {
    const shown = Object.entries(claims()).flatMap(([name, value]) => [
      el("dt", name),
      el("dd", typeof value === "string" ? value : JSON.stringify(value)),
    ]);
    $("claims").replaceChildren(...shown);
    const rows = ACTS.map(([name, may]) => {
      const is = !room.waiting && may(room);
      const cell = el("td", is ? "yes" : "no");
      cell.className = is ? "yes" : "no";
      const head = el("th", name);
      head.scope = "row";
      return el("tr", head, cell);
    });
    $("grants").replaceChildren(...rows);
  };
  for (const event of ["grantsChanged", "renewed", "status"] as const) room.on(event, show);
  show();

  const count = () => {
    const leftS = Math.max(0, Math.round(room.exp - (Date.now() + room.clock.offsetMs) / SECOND_MS));
    $("ends").textContent = `It ends in ${leftS} s.`;
  };
  const timer = setInterval(count, SECOND_MS);
  room.on("closed", () => clearInterval(timer));
  count();

  const list = room.can.moderate("admit").ok ? FORBIDDEN_TO_TEACHERS : FORBIDDEN;
  $("forbidden").replaceChildren(...list.map(([name, run]) => forbidden(room, name, run)));
}

/** A button whose row turns red with the relay's own words. */
function forbidden(room: Room, name: string, run: (room: Room) => Promise<unknown>): HTMLElement {
  const words = el("output");
  const pressed = async () => {
    showCode("sit");
    try {
      await run(room);
      row.className = "allowed";
      words.textContent = "The relay did it: you may.";
    } catch (error) {
      const { message, rule } = error as Error & { rule?: string };
      row.className = "refused";
      words.textContent = rule && !message.includes(`\`${rule}\``) ? `${message} (rule ${rule})` : message;
    }
  };
  const row = el("li", button(name, pressed), words);
  return row;
}
