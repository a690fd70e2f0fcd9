// What the room is, as far as this member was told: members, streams, state, asks, and what it may do itself. Pure: the
// answer to the login and the events, in order, make it.
import type { Asking, Grants, Member, RelayEvent, Seat, StateEntry, StreamInfo } from "./event.ts";

/** The lists of a room. */
export class Lists {
  me: Member | undefined;
  grants: Grants | undefined;
  exp = 0;
  waiting = false;
  count = 0;
  readonly members: Map<string, Member> = new Map();
  readonly streams: Map<number, StreamInfo> = new Map();
  readonly values: Map<string, StateEntry> = new Map();
  readonly asks: Map<string, Asking> = new Map();

  /** The seat was taken. Members beyond the answer's first page stay only if the missed events follow. */
  seated(seat: Seat): void {
    const {
      user,
      role,
      name,
      meta,
      grants,
      exp,
      waiting,
      count,
      members,
      next,
      streams,
      state,
      asks,
      resumed,
    } = seat;
    this.me = { user, role, ...(name !== undefined && { name }), ...(meta !== undefined && { meta }) };
    Object.assign(this, { grants, exp, count, waiting: waiting === true });
    if (!resumed || next === undefined) this.members.clear();
    this.streams.clear();
    this.values.clear();
    this.asks.clear();
    for (const member of members) this.members.set(member.user, member);
    for (const stream of streams) this.streams.set(stream.stream, stream);
    for (const entry of state) this.values.set(entry.key, entry);
    for (const ask of asks ?? []) this.asks.set(ask.user, ask);
  }

  /** The seat goes on with another token. */
  renewed({ role, grants, exp }: { role: string; grants: Grants; exp: number }): void {
    this.#granted(role, grants);
    this.exp = exp;
  }

  #granted(role: string, grants: Grants): void {
    this.grants = grants;
    if (this.me) this.me = { ...this.me, role };
  }

  /** An event came. */
  event({ type, event }: RelayEvent): void {
    const { members, streams, values, asks } = this;
    switch (type) {
      case "joined":
        for (const member of event.members) members.set(member.user, member);
        this.count = event.count;
        break;
      case "left":
        for (const user of event.users) members.delete(user);
        this.count = event.count;
        break;
      case "published":
        streams.set(event.stream, without(event));
        break;
      case "unpublished":
        streams.delete(event.stream);
        break;
      case "state":
        // What was missed is repeated after an answer that may be newer.
        if (event.version < (values.get(event.key)?.version ?? 0)) break;
        if (event.value === null) values.delete(event.key);
        else values.set(event.key, without(event));
        break;
      case "roleChanged": {
        const member = members.get(event.user);
        if (member) members.set(event.user, { ...member, role: event.role });
        break;
      }
      case "grantsChanged":
        this.#granted(event.role, event.grants);
        if (event.why === "admitted") this.waiting = false;
        break;
      case "asked":
        asks.set(event.user, event);
        break;
      case "askEnded":
        asks.delete(event.user);
    }
  }
}

/** Without its number in the room's log. */
function without<T extends { readonly n?: number }>({ n: _, ...rest }: T): Omit<T, "n"> {
  return rest;
}
