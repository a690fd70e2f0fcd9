// What a reconnect takes along, and the room's lists: fed with events in any order they equal the model.
import { expect, test } from "vitest";
import type { FoundStream, Grants, RelayEvent, Seat } from "../../src/client/event.ts";
import { Lists } from "../../src/client/lists.ts";
import { Memory } from "../../src/client/memory.ts";

function found(stream: number, name: string, seq: number, resumed?: boolean): FoundStream {
  const info = { stream, name, user: "ann", role: "host", kind: "data", delivery: "reliable" } as const;
  return { ...info, epoch: 7, seq, ...(resumed !== undefined && { resumed }) };
}

test("frames are counted and what was lost is added", () => {
  const memory = new Memory();
  memory.found([found(3, "cam", 10)]);
  expect(memory.frame(3)?.seq).toBe(10);
  memory.lagged(3, 16);
  expect(memory.frame(3)?.seq).toBe(16);
  memory.lost();
  expect(memory.frame(3)).toBeUndefined();
  expect(memory.places(["c*"])).toEqual([{ stream: "cam", epoch: 7, seq: 17 }]);
  memory.subscribed(["c*"], [found(4, "cam", 0, false)]);
  expect(memory.places(["*"])).toEqual([]);
});

test("unsubscribing forgets what no pattern holds", () => {
  const memory = new Memory();
  memory.subscribed(["cam", "c*", "x"], [found(1, "cam", 0), found(2, "x", 0)]);
  memory.unsubscribed(["cam", "x"]);
  expect(memory.reading(["*"]).map(({ name }) => name)).toEqual(["cam"]);
});

test("the room's events move their cursor and private ones do not", () => {
  const memory = new Memory();
  memory.seated({ events: { epoch: 1, seq: 0 } });
  memory.numbered(4);
  memory.numbered(undefined);
  expect(memory.events).toEqual({ epoch: 1, seq: 5 });
});

test("only patterns that are wanted still are due after a refusal", () => {
  const memory = new Memory();
  memory.subscribed(["a", "b"], []);
  memory.unsubscribed(["a"]);
  memory.refused(["a", "b"]);
  expect([...memory.due]).toEqual(["b"]);
});

test("what a later page may take up has places, events and the ticket, and no token", () => {
  const memory = new Memory();
  memory.seated({ events: { epoch: 1, seq: 9 }, ticket: "t" });
  memory.subscribed(["*"], [found(1, "cam", 4)]);
  const saved = memory.save("ws://h/");
  expect(saved).toEqual({
    url: "ws://h/",
    events: { epoch: 1, seq: 9 },
    places: [{ stream: "cam", epoch: 7, seq: 4 }],
    ticket: "t",
  });
  const later = new Memory();
  later.load(JSON.parse(JSON.stringify(saved)));
  expect(later.save("ws://h/")).toEqual(saved);
});

const GRANTS = { role: "host" } as Grants;

function seat(fields: Partial<Seat> = {}): Seat {
  return {
    app: 1,
    room: "lobby",
    user: "ann",
    role: "host",
    grants: GRANTS,
    exp: 9,
    now: 1,
    pingIntervalMs: 1,
    pongTimeoutMs: 1,
    count: 1,
    members: [],
    streams: [],
    state: [],
    events: { epoch: 1, seq: 0 },
    ...fields,
  };
}

test("admission ends the wait and another change of grants does not", () => {
  const lists = new Lists();
  lists.seated(seat({ waiting: true }));
  const changed = (why: "roles" | "admitted", role: string) =>
    lists.apply({ type: "grantsChanged", event: { role, grants: GRANTS, why } });
  changed("roles", "audience");
  expect(lists.waiting).toBe(true);
  changed("admitted", "speaker");
  expect([lists.waiting, lists.me?.role]).toEqual([false, "speaker"]);
});

test("a missed change of a key does not undo a newer one", () => {
  const lists = new Lists();
  lists.seated(seat({ state: [{ key: "k", value: "new", version: 9 }] }));
  lists.apply({ type: "state", event: { n: 1, key: "k", value: "old", version: 7 } });
  expect(lists.values.get("k")?.value).toBe("new");
  lists.apply({ type: "state", event: { n: 2, key: "k", value: null, version: 10 } });
  expect(lists.values.size).toBe(0);
});

test("members beyond the first page stay only if the missed events follow", () => {
  const lists = new Lists();
  lists.apply({ type: "joined", event: { n: 0, members: [{ user: "zoe", role: "host" }], count: 2 } });
  const page = { members: [{ user: "ann", role: "host" }], next: "ann" };
  lists.seated(seat({ ...page, resumed: true }));
  expect([...lists.members.keys()]).toEqual(["zoe", "ann"]);
  lists.seated(seat({ ...page, resumed: false }));
  expect([...lists.members.keys()]).toEqual(["ann"]);
});

/** A small generator of numbers, so that a failure can be seen again. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

test("lists that are fed any events equal the model", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const below = numbers(seed);
    const lists = new Lists();
    lists.seated(seat());
    const members = new Set<string>();
    const values = new Map<string, number>();
    const streams = new Set<number>();
    for (let n = 0; n < 60; n += 1) {
      const user = `u${below(5)}`;
      const stream = below(5);
      const key = `k${below(4)}`;
      const info = {
        stream,
        name: `s${stream}`,
        user,
        role: "host",
        kind: "data",
        delivery: "reliable",
      } as const;
      const [event, apply] = (
        [
          [
            { type: "joined", event: { n, members: [{ user, role: "host" }], count: n } },
            () => members.add(user),
          ],
          [{ type: "left", event: { n, users: [user], count: n } }, () => members.delete(user)],
          [{ type: "published", event: { n, ...info } }, () => streams.add(stream)],
          [
            { type: "unpublished", event: { n, stream, name: info.name, reason: "left" } },
            () => streams.delete(stream),
          ],
          [{ type: "state", event: { n, key, value: n, version: n + 1 } }, () => values.set(key, n)],
          [{ type: "state", event: { n, key, value: null, version: n + 1 } }, () => values.delete(key)],
        ] as [RelayEvent, () => unknown][]
      )[below(6)] as [RelayEvent, () => unknown];
      lists.apply(event);
      apply();
    }
    expect(new Set(lists.members.keys()), `seed ${seed}`).toEqual(members);
    expect(new Set(lists.streams.keys()), `seed ${seed}`).toEqual(streams);
    expect(new Map([...lists.values].map(([key, { value }]) => [key, value])), `seed ${seed}`).toEqual(
      values,
    );
  }
});

test("frames of any streams are numbered as the model counts them", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const below = numbers(seed);
    const memory = new Memory();
    const model = new Map<number, number>();
    for (let step = 0; step < 80; step += 1) {
      const stream = below(4);
      const next = below(1000);
      switch (below(4)) {
        case 0:
          memory.found([found(stream, `s${stream}`, next)]);
          model.set(stream, next);
          break;
        case 1:
          memory.lagged(stream, next);
          if (model.has(stream)) model.set(stream, next);
          break;
        case 2:
          memory.ended(stream);
          model.delete(stream);
          break;
        default:
          expect(memory.frame(stream)?.seq, `seed ${seed}`).toBe(model.get(stream));
          if (model.has(stream)) model.set(stream, (model.get(stream) ?? 0) + 1);
      }
    }
  }
});
