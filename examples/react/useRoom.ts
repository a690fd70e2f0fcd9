// A room for React: an external store, so that what is shown is what the room is. One connection under strict mode,
// and no `Suspense`. Copy it into your application and change it.
import {
  type ConnectOptions,
  connect,
  type Member,
  type Room,
  type StateEntry,
  type Status,
} from "@stagedoor/sdk/client";
import { useEffect, useState, useSyncExternalStore } from "react";

/** What a component sees of a room. Every change is another object. */
export interface RoomView {
  readonly status: Status;
  /** To publish, send and set; nothing before the seat. */
  readonly room?: Room;
  readonly members: readonly Member[];
  readonly values: ReadonlyMap<string, StateEntry>;
  /** Why there is no room. */
  readonly error?: unknown;
}

const EMPTY: RoomView = { status: "connecting", members: [], values: new Map() };
const CHANGES = ["status", "joined", "left", "roleChanged", "state", "reconnected"] as const;

class RoomStore {
  #view = EMPTY;
  readonly #listeners = new Set<() => void>();

  readonly view = (): RoomView => this.#view;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #show(view: RoomView): void {
    this.#view = view;
    for (const listener of this.#listeners) listener();
  }

  /** Connects; what it returns ends that. A mount that is taken back at once never reaches the relay. */
  connect(options: ConnectOptions): () => void {
    const mount = new AbortController();
    const { signal } = mount;
    connect({ retryFirst: true, ...options, signal }).then(
      room => {
        const show = () => {
          const { status, members, values } = room;
          this.#show({ status, room, members: [...members.values()], values: new Map(values) });
        };
        for (const change of CHANGES) room.on(change, () => signal.aborted || show());
        show();
      },
      error => signal.aborted || this.#show({ ...EMPTY, status: "closed", error }),
    );
    return () => {
      mount.abort();
      this.#show(EMPTY);
    };
  }
}

/** The room at `url`, for as long as the component is there. Keep `token` the same function between renders. */
export function useRoom(url: string, token: NonNullable<ConnectOptions["token"]>): RoomView {
  const [store] = useState(() => new RoomStore());
  useEffect(() => store.connect({ url, token }), [store, url, token]);
  return useSyncExternalStore(store.subscribe, store.view, store.view);
}
