// Where a player is. Pure: times are given, in milliseconds.

/** `waiting`: nothing to play yet; `blocked`: the browser holds the sound back; `ended` is final. */
export type PlayerState = "waiting" | "playing" | "stalled" | "blocked" | "ended";

/** What the state follows from. */
export interface Facts {
  readonly isOver: boolean;
  /** There are streams to play. */
  readonly hasStreams: boolean;
  /** The browser holds the sound back. */
  readonly isBlocked: boolean;
  /** When something was last seen or heard, if ever. */
  readonly playedAtMs: number;
}

/** Without anything seen or heard for so long it is stalled. */
const STALLED_MS = 1000;

/** Where a player is. */
export function stateOf({ isOver, hasStreams, isBlocked, playedAtMs }: Facts, nowMs: number): PlayerState {
  if (isOver) return "ended";
  if (!hasStreams) return "waiting";
  if (isBlocked) return "blocked";
  if (playedAtMs === -Infinity) return "waiting";
  return nowMs - playedAtMs > STALLED_MS ? "stalled" : "playing";
}
