// Words and slides: messages, and the room's state.
import type { Room } from "@stagedoor/sdk/client";
import { $, el } from "./dom.ts";
import { act, log } from "./log.ts";

const SAID_MAX = 10;

/** Students write to the teachers, teachers to everybody. */
export async function say(room: Room, text: string): Promise<void> {
  await room.send(room.can.send("room").ok ? "room" : { role: "teacher" }, text, { topic: "chat" });
}

/** The slide is a key of the room's state: latecomers get it with their seat. */
export async function turn(room: Room, by: number): Promise<void> {
  const { value = 1, version = 0 } = room.values.get("slide") ?? {};
  await room.set("slide", Math.max(1, Number(value) + by), { ifVersion: version });
}

export function startTalk(room: Room, canTurn: () => boolean): void {
  const show = () => {
    $("slide").textContent = String(room.values.get("slide")?.value ?? 1);
  };
  const listen = (id: string, by: number) =>
    $(id).addEventListener("click", () => act("turn", "the slide was turned", () => turn(room, by)));
  listen("back", -1);
  listen("next", 1);
  addEventListener("keydown", ({ key, target }) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[key];
    const writes = target instanceof HTMLElement && target.matches("input");
    if (by && !writes && canTurn()) void act("turn", "the slide was turned", () => turn(room, by));
  });
  room.on("state", show);
  room.on("status", show);
  show();

  const input = $<HTMLInputElement>("text");
  $("say").addEventListener("submit", event => {
    event.preventDefault();
    void act("say", "your message was sent", async () => {
      await say(room, input.value);
      if (!room.can.send("room").ok) heard(room.me?.user ?? "", input.value);
      input.value = "";
    });
  });
  room.on("message", ({ from, data, topic }) => {
    if (topic === "chat") heard(from?.name ?? from?.user ?? "the backend", String(data));
    else log(`${from?.user ?? "the backend"} says: ${JSON.stringify(data)}`);
  });
}

function heard(name: string, text: string): void {
  const list = $("chat");
  list.append(el("li", el("b", name), ` ${text}`));
  while (list.children.length > SAID_MAX) list.firstChild?.remove();
}
