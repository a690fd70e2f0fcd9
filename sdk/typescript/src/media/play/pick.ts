// Which of the room's streams are played. Pure.

import { matches } from "../../grants/pattern.ts";
import type { Kind } from "../../spec.ts";

/** What is to be played: a user, or names. */
export interface Wish {
  /** Whose streams; anybody's unless set. Without `video` and `audio`: the user's camera and sound. */
  readonly user?: string;
  /** The picture: names, or prefixes followed by `*`. Layers are found by the name of their picture. */
  readonly video?: string | readonly string[];
  /** The sound: names, or prefixes followed by `*`. */
  readonly audio?: string | readonly string[];
}

/** What a stream says about itself. */
export interface Described {
  readonly of?: string;
  readonly layer?: number;
  readonly sync?: string;
}

/** A stream with its description. */
export interface Offer<M extends Described = Described> {
  readonly name: string;
  readonly user: string;
  readonly kind: Kind;
  readonly meta: M;
}

/** What was picked. */
export interface Picked<O> {
  /** The layers of the picture, the largest first; none if there is no picture. */
  readonly layers: readonly O[];
  readonly audio?: O;
}

type Part = "video" | "audio";

const KINDS: Readonly<Record<Part, readonly Kind[]>> = { video: ["video", "screen"], audio: ["audio"] };

/** Picks a picture and its sound out of what there is. What is played already (`before`) stays. */
export function pick<O extends Offer>(
  wish: Wish,
  offers: readonly O[],
  before: readonly string[],
): Picked<O> {
  const video = first("video", wish, offers, before);
  const layers = video
    ? offers.filter(
        offer => offer.user === video.user && isPart("video", offer) && base(offer) === base(video),
      )
    : [];
  const audio = first("audio", wish, offers, before, video);
  const ordered = layers.sort((a, b) => layer(a) - layer(b) || (a.name < b.name ? -1 : 1));
  return { layers: ordered, ...(audio && { audio }) };
}

/** The picture or sound that a stream is a layer of. */
function base({ name, meta }: Offer): string {
  return meta.of ?? name;
}

function layer({ meta }: Offer): number {
  return meta.layer ?? 0;
}

function isPart(part: Part, { kind }: Offer): boolean {
  return KINDS[part].includes(kind);
}

function first<O extends Offer>(
  part: Part,
  wish: Wish,
  offers: readonly O[],
  before: readonly string[],
  picture?: O,
): O | undefined {
  const patterns = wish[part];
  // A wish that names one part does not want the other.
  if (patterns === undefined && (wish.user === undefined || (wish.video ?? wish.audio) !== undefined))
    return undefined;
  const list = typeof patterns === "string" ? [patterns] : patterns;
  const of = (offer: O) =>
    list ? matches(list, base(offer)) || matches(list, offer.name) : offer.kind === part;
  const fits = offers.filter(
    offer => isPart(part, offer) && (wish.user ?? offer.user) === offer.user && of(offer),
  );
  const rank = (offer: O) =>
    (picture && offer.user === picture.user ? 4 : 0) +
    (picture && offer.meta.sync !== undefined && offer.meta.sync === picture.meta.sync ? 2 : 0) +
    (before.includes(offer.name) ? 1 : 0);
  return fits.reduce<O | undefined>(
    (best, offer) => (best && rank(best) >= rank(offer) ? best : offer),
    undefined,
  );
}
