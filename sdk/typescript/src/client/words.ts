// What a member says to a room and sets in it, and how it reads who is there. Puts requests together; never sends them
// itself.
import type { Answers } from "../spec.ts";
import { InvalidError } from "./error.ts";
import type { Camel, FoundStream, Member, To } from "./event.ts";
import { Moderation } from "./moderation.ts";

/** A page of the members. */
export type MembersPage = Camel<Answers["members"]>;

/** The names of keys and topics. */
const KEY = /^[\w.:-]{1,64}$/;

/** The part of a room that talks. */
export abstract class Words extends Moderation {
  /**
   * Asks the publisher of a `media` stream for a keyframe.
   *
   * ```ts
   * await room.keyframe(frame.stream);
   * ```
   */
  async keyframe(stream: number | Pick<FoundStream, "stream">): Promise<void> {
    await this.request({ op: "keyframe", stream: typeof stream === "number" ? stream : stream.stream });
  }

  /**
   * Messages the room, a role or a user. `data` is any JSON.
   *
   * ```ts
   * await room.send({ user: "ben" }, { text: "psst" }, { topic: "chat" });
   * ```
   */
  async send(to: To, data: unknown, { topic }: { topic?: string } = {}): Promise<void> {
    if (topic !== undefined) named(topic, "a topic");
    await this.request({ op: "send", to, data: json(data), topic });
  }

  /**
   * Sets a key of the room's state; its new version. With `ifVersion` only if the key is at that version (0: not
   * there).
   *
   * ```ts
   * const version = await room.set("slide", 3, { ifVersion: room.values.get("slide")?.version ?? 0 });
   * ```
   */
  async set(key: string, value: unknown, { ifVersion }: { ifVersion?: number } = {}): Promise<number> {
    named(key, "a key");
    const set = { op: "set", key, value: json(value), if_version: ifVersion };
    return (await this.request<{ version: number }>(set)).version;
  }

  /**
   * Removes a key of the room's state.
   *
   * ```ts
   * await room.delete("slide");
   * ```
   */
  async delete(key: string, options: { ifVersion?: number } = {}): Promise<number> {
    return this.set(key, null, options);
  }

  /**
   * A page of the members, after a user.
   *
   * ```ts
   * const { members, next } = await room.membersPage();
   * ```
   */
  async membersPage({ after }: { after?: string } = {}): Promise<MembersPage> {
    return this.request({ op: "members", after });
  }

  /**
   * Every member that this one sees, page by page.
   *
   * ```ts
   * for await (const { user, name } of room.allMembers()) list.append(name ?? user);
   * ```
   */
  async *allMembers(): AsyncGenerator<Member, void> {
    let after: string | undefined;
    do {
      const page = await this.membersPage(after === undefined ? {} : { after });
      yield* page.members;
      after = page.next;
    } while (after !== undefined);
  }
}

function named(name: string, what: string): void {
  if (!KEY.test(name)) throw new InvalidError("name_invalid", `${what} is 1 to 64 of 0-9A-Za-z_.:-`);
}

/** A value that JSON has. */
function json(value: unknown): unknown {
  if (value === undefined || typeof value === "function" || typeof value === "symbol") {
    throw new InvalidError("value_invalid", "not JSON: nothing would be sent");
  }
  return value;
}
