// Which of the room's streams are played.
import { expect, test } from "vitest";
import { type Described, type Offer, pick, type Wish } from "../../../src/media/play/pick.ts";

const offer = (user: string, name: string, kind: Offer["kind"], meta: Described = {}): Offer => ({
  user,
  name,
  kind,
  meta,
});

const OFFERS = [
  offer("ann", "a-low", "video", { of: "cam", layer: 1, sync: "a" }),
  offer("ann", "cam", "video", { sync: "a" }),
  offer("ann", "music", "audio"),
  offer("ann", "mic", "audio", { sync: "a" }),
  offer("ben", "ben-cam", "video"),
  offer("ben", "ben-mic", "audio"),
  offer("ann", "slides", "screen"),
  offer("ann", "chat", "data"),
];

const names = (wish: Wish, before: string[] = [], offers: Offer[] = OFFERS) => {
  const { layers, audio } = pick(wish, offers, before);
  return [layers.map(({ name }) => name), audio?.name];
};

test("a user's picture comes with its layers and the sound of the same sync", () => {
  expect(names({ user: "ann" })).toEqual([["cam", "a-low"], "mic"]);
  expect(names({ user: "ben" })).toEqual([["ben-cam"], "ben-mic"]);
  expect(names({ user: "eve" })).toEqual([[], undefined]);
});

test("names and patterns choose, each part for itself", () => {
  expect(names({ video: "slides" })).toEqual([["slides"], undefined]);
  expect(names({ audio: "ben*" })).toEqual([[], "ben-mic"]);
  expect(names({ user: "ann", video: "slides", audio: ["mus*"] })).toEqual([["slides"], "music"]);
  expect(names({ video: "cam" })).toEqual([["cam", "a-low"], undefined]);
  expect(names({ video: "chat", audio: "cam" })).toEqual([[], undefined]);
});

test("a layer is picked by the name of what it is a layer of", () => {
  const low = OFFERS.filter(({ name }) => name === "a-low");
  expect(names({ video: "cam" }, [], low)).toEqual([["a-low"], undefined]);
});

test("nothing is played that nobody named", () => {
  expect(names({})).toEqual([[], undefined]);
});

test("a stranger's layer of the same name is not one of the picture's", () => {
  const forged = offer("eve", "eve.low", "video", { of: "cam", layer: 1 });
  expect(names({ user: "ann" }, [], [...OFFERS, forged])[0]).toEqual(["cam", "a-low"]);
});

test("what is played stays when others come", () => {
  expect(names({ video: "*" }, ["ben-cam"])).toEqual([["ben-cam"], undefined]);
  expect(names({ audio: "*" }, ["ben-mic"])).toEqual([[], "ben-mic"]);
  expect(names({ video: "*", audio: "*" }, ["ben-cam", "mic"])).toEqual([["ben-cam"], "ben-mic"]);
});
