// What the room is, as far as this member was told: members, streams, state, asks, and what it may do itself. Pure: the
// answer to the login and the events, in order, make it.
import { Emitter } from "./emitter.ts";
import type {
  Asking,
  Grants,
  Member,
  RelayEvent,
  RoomEvents,
  Seat,
  StateEntry,
  StreamInfo,
} from "./event.ts";

/** The lists of a room: what can be read of it. */
export class Lists extends Emitter<RoomEvents> {
  /** The member itself; nothing before the first login. */
  readonly me: Member | undefined;
  /** What the member may do now, in the form of `spec/roles.md`. */
  readonly grants: Grants | undefined;
  /** When the token ends, Unix seconds. */
  readonly exp: number = 0;
  /** Whether the member waits for admission; until then it may do nothing. */
  readonly waiting: boolean = false;
  /** Members in the room, hidden ones aside. */
  readonly count: number = 0;
  /** The members told so far, by user: at first those of the first page (`allMembers` has all). */
  readonly members: ReadonlyMap<string, Member> = new Map();
  /** The streams that the member may subscribe to, by number. */
  readonly streams: ReadonlyMap<number, StreamInfo> = new Map();
  /** The room's state, by key. */
  readonly values: ReadonlyMap<string, StateEntry> = new Map();
  /** What others ask for and this member may decide, by user. */
  readonly asks: ReadonlyMap<string, Asking> = new Map();

  /** The seat was taken. Members beyond the answer's first page stay only if the missed events follow. @internal */
  seated({ user, role, name, meta, ...seat }: Seat): void {
    const { grants, exp, count, waiting = false, resumed, next } = seat;
    const members =
      resumed && next !== undefined ? [...this.members.values(), ...seat.members] : seat.members;
    this.#set({
      me: { user, role, ...(name !== undefined && { name }), ...(meta !== undefined && { meta }) },
      grants,
      exp,
      count,
      waiting,
      members: by("user", members),
      streams: by("stream", seat.streams),
      values: by("key", seat.state),
      asks: by("user", seat.asks ?? []),
    });
  }

  /** Readers cannot write; this can. */
  #set(fields: Partial<Omit<Lists, keyof Emitter<RoomEvents>>>): void {
    Object.assign(this, fields);
  }

  /** The member may do something else than before. @internal */
  granted(role: string, grants: Grants, more: { exp?: number; waiting?: boolean } = {}): void {
    this.#set({ grants, ...(this.me && { me: { ...this.me, role } }), ...more });
  }

  /** An event came. @internal */
  apply({ type, event }: RelayEvent): void {
    const { members, streams, values, asks } = this as unknown as Writable;
    switch (type) {
      case "joined":
        for (const member of event.members) members.set(member.user, member);
        this.#set({ count: event.count });
        break;
      case "left":
        for (const user of event.users) members.delete(user);
        this.#set({ count: event.count });
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
        this.granted(event.role, event.grants, event.why === "admitted" ? { waiting: false } : {});
        break;
      case "asked":
        asks.set(event.user, event);
        break;
      case "askEnded":
        asks.delete(event.user);
    }
  }
}

/** The maps, to those who may write them. */
interface Writable {
  members: Map<string, Member>;
  streams: Map<number, StreamInfo>;
  values: Map<string, StateEntry>;
  asks: Map<string, Asking>;
}

function by<K extends string, T extends { readonly [key in K]: unknown }>(
  key: K,
  list: readonly T[],
): Map<T[K], T> {
  return new Map(list.map(one => [one[key], one]));
}

/** Without its number in the room's log. */
function without<T extends { readonly n?: number }>({ n: _, ...rest }: T): Omit<T, "n"> {
  return rest;
}
