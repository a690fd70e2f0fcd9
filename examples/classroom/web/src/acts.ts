// What teachers do. Each act is one call; the relay decides.
import type { Room } from "@stagedoor/sdk/client";
import { ask } from "./seat.ts";

/** Lets a waiting student in. */
export async function admit(room: Room, user: string): Promise<void> {
  await room.admit(user);
}

/** Answers no to a waiting student, or to a raised hand. */
export async function decline(room: Room, user: string): Promise<void> {
  await room.decline(user);
}

/** Gives another role: the grants change on the open connection. The hand is down by that, too. */
export async function toTheBoard(room: Room, user: string): Promise<void> {
  await room.promote(user, "presenter");
}

/** Takes the role away; what it published ends with it. */
export async function back(room: Room, user: string): Promise<void> {
  await room.demote(user, "student");
}

/** Ends picture and sound at the relay, whatever the other page does. */
export async function mute(room: Room, user: string): Promise<void> {
  await room.mute(user, ["audio", "video"]);
}

/** Takes that back; the other page goes on by itself. */
export async function unmute(room: Room, user: string): Promise<void> {
  await room.unmute(user, ["audio", "video"]);
}

/** Removes a student; the token that it used opens nothing any more. */
export async function kick(room: Room, user: string): Promise<void> {
  await room.kick(user);
  await room.set(`out.${user}`, "kicked");
}

/** Removes a student and keeps it out, whatever token it brings; the backend gets none for it either. */
export async function ban(room: Room, user: string): Promise<void> {
  await room.ban(user);
  await room.set(`out.${user}`, "banned");
}

/** Revokes every token of a user so far. The backend may give a new one, and here it does. */
export async function revoke(name: string, user: string): Promise<void> {
  await ask("revoke", { room: name, user });
}

/** Lifts a ban. */
export async function letIn(room: Room, name: string, user: string): Promise<void> {
  await ask("let-in", { room: name, user });
  await room.delete(`out.${user}`);
}
