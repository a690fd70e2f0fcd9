// The member's own streams: which of them end when its rights change, and which begin again. Pure: the relay sends a
// publisher its grants only, so what they end is worked out here as the relay does it (`spec/wire.md` §In the seat).

import type { Grants } from "../grants/grants.ts";
import { matches } from "../grants/pattern.ts";
import type { PublishRequest } from "./event.ts";

/** What the relay holds of a stream: asked for, live under a number, or nothing. */
export type OwnState = "asked" | "live" | "denied";

/** A stream of the member's own. */
export interface Own {
  readonly request: PublishRequest;
  /** Whether it begins again when it may, after it was denied. */
  readonly again: boolean;
  held: OwnState;
  /** Its number on this connection, while it is live. */
  number: number;
}

/** What a change of rights does. */
export interface OwnChange<T> {
  /** Those that the relay has ended. */
  denied: T[];
  /** Those to ask for. */
  asked: T[];
}

function allows(rights: Grants["publish"], { stream, kind }: PublishRequest): boolean {
  return rights.kinds.includes(kind) && matches(rights.streams, stream);
}

/**
 * Applies the grants to each stream. Of too many live ones the newest end; those that are denied and may be
 * published now are to be asked for, the oldest first.
 */
export function regranted<T extends Own>(
  own: readonly T[],
  { publish }: Pick<Grants, "publish">,
): OwnChange<T> {
  const change: OwnChange<T> = { denied: [], asked: [] };
  let kept = 0;
  const live = own.filter(({ held }) => held === "live").sort((a, b) => a.number - b.number);
  for (const stream of live) {
    if (kept < publish.streams_max && allows(publish, stream.request)) kept += 1;
    else {
      stream.held = "denied";
      change.denied.push(stream);
    }
  }
  for (const stream of own) {
    const may = kept < publish.streams_max && allows(publish, stream.request);
    if (stream.held !== "denied" || !stream.again || !may) continue;
    kept += 1;
    stream.held = "asked";
    change.asked.push(stream);
  }
  return change;
}
