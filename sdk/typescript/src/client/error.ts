// What may go wrong. No error holds a token.
import type { Code, Next, WireError } from "../spec.ts";
import { nextAfter } from "./close.ts";
import type { Camel } from "./event.ts";

/**
 * Every error of the client, apart from the platform's `AbortError`.
 *
 * ```ts
 * try {
 *   await room.publish("cam", "video");
 * } catch (error) {
 *   if (error instanceof StagedoorError && error.code === "publish_denied") button.disabled = true;
 * }
 * ```
 */
export class StagedoorError extends Error {
  override readonly name: string = "StagedoorError";
  /** For programs: stable, and documented in `spec/codes.md` where the relay said it. */
  readonly code: string;
  /** What to do: try again `now` or `later`, bring another `token`, or `stop`. */
  readonly next: Next;

  /** @internal */
  constructor(code: string, next: Next, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.next = next;
  }
}

/** A refusal as the relay writes it. */
export type Refusal = Camel<WireError>;

/** Refusals that time mends. */
const LATER = /_(exceeded|full|held|limited|unavailable)$/;

/** What follows from a refusal that no close explains. */
function nextOf(code: string, isLogin: boolean): Next {
  if (LATER.test(code)) return "later";
  if (code === "closing" || code === "version_conflict") return "now";
  return isLogin && code !== "banned" ? "token" : "stop";
}

/**
 * The relay refused.
 *
 * ```ts
 * if (error instanceof RefusedError && error.code === "version_conflict") await again(error.version);
 * ```
 */
export class RefusedError extends StagedoorError {
  override readonly name: string = "RefusedError";
  declare readonly code: Code;
  /** The rule of the grants that refused, such as `publish.kinds`. */
  declare readonly rule?: string;
  /** The claim of the token that is wrong, as a path. */
  declare readonly field?: string;
  /** When to try again, in milliseconds from now. */
  declare readonly retryMs?: number;
  /** The number of a refused login or renewal: show it, so that the app's operator finds the exact reason. */
  declare readonly attempt?: string;
  /** The version that the key is at. */
  declare readonly version?: number;
  /** The code of the close that followed a refused login. */
  declare readonly closeCode?: number;

  /** What a proof must contain. @internal */
  declare readonly nonce?: string;

  /** @internal */
  constructor({ code, message, ...details }: Refusal, isLogin = false) {
    super(code, nextOf(code, isLogin), `${code}: ${message}`);
    Object.assign(this, details);
  }

  /** The close that followed says what to do. @internal */
  closedWith(closeCode: number): this {
    return Object.assign(this, closeCode ? { closeCode, next: nextAfter(closeCode) } : {});
  }
}

/**
 * There is no connection: `url_invalid`, `socket_failed`, `closed`.
 *
 * ```ts
 * if (error instanceof ConnectError && error.closeCode === 4302) show("The room is closed.");
 * ```
 */
export class ConnectError extends StagedoorError {
  override readonly name: string = "ConnectError";
  /** The close code; 0 when the connection broke. */
  readonly closeCode: number;

  /** @internal */
  constructor(code: "url_invalid" | "socket_failed" | "closed", message: string, closeCode = 0) {
    super(code, code === "url_invalid" ? "stop" : nextAfter(closeCode), message);
    this.closeCode = closeCode;
  }
}

/**
 * The source gave no token that can be presented: `token_source_failed`, `token_source_timeout`, `token_again`.
 *
 * ```ts
 * room.on("renewFailed", ({ error }) => error instanceof TokenError && report(error.cause));
 * ```
 */
export class TokenError extends StagedoorError {
  override readonly name: string = "TokenError";
  /** @internal */
  constructor(code: `token_${"source_failed" | "source_timeout" | "again"}`, next: Next, cause?: unknown) {
    const what =
      code === "token_again" ? "gave a token that was refused already: mint a new one" : "gave no token";
    super(code, next, `the token source ${what}`, cause);
  }
}

/**
 * Thrown **by** your token source when the user may not come in any more: the client stops.
 *
 * ```ts
 * const token = async () => {
 *   const answer = await fetch("/room-token");
 *   if (answer.status === 403) throw new TokenDenied("signed out");
 *   return answer.text();
 * };
 * ```
 */
export class TokenDenied extends StagedoorError {
  override readonly name: string = "TokenDenied";
  constructor(message = "the token source gives no token any more") {
    super("token_denied", "stop", message);
  }
}

/**
 * The connection went before the answer came: whether the request was carried out is not known.
 *
 * ```ts
 * if (error instanceof LostError) await onceReconnected();
 * ```
 */
export class LostError extends StagedoorError {
  override readonly name: string = "LostError";
  /** @internal */
  constructor() {
    super("lost", "later", "the connection was lost: whether it was done is not known");
  }
}

/**
 * No answer came within `answerMaxMs`.
 *
 * ```ts
 * if (error instanceof TimeoutError) showSlowLine();
 * ```
 */
export class TimeoutError extends StagedoorError {
  override readonly name: string = "TimeoutError";
  /** @internal */
  constructor() {
    super("answer_timeout", "later", "no answer came within `answerMaxMs`");
  }
}

/**
 * The room is over; connect again for another.
 *
 * ```ts
 * if (error instanceof ClosedError) showClosed(room.closed);
 * ```
 */
export class ClosedError extends StagedoorError {
  override readonly name: string = "ClosedError";
  /** @internal */
  constructor() {
    super("closed", "stop", "the room is closed: `room.closed` says why");
  }
}

/**
 * Found here, so nothing was sent: `name_invalid`, `value_invalid`, `too_large`.
 *
 * ```ts
 * if (error instanceof InvalidError && error.code === "too_large") shorten();
 * ```
 */
export class InvalidError extends StagedoorError {
  override readonly name: string = "InvalidError";
  /** @internal */
  constructor(code: "name_invalid" | "value_invalid" | "too_large", message: string) {
    super(code, "stop", message);
  }
}

/**
 * The token is bound to a key: `key_missing` without `proofKey`, `key_invalid` if that is none.
 *
 * ```ts
 * if (error instanceof KeyError) await connect({ ...options, proofKey: await ProofKey.load("seat") });
 * ```
 */
export class KeyError extends StagedoorError {
  override readonly name: string = "KeyError";
  /** @internal */
  constructor(code: "key_missing" | "key_invalid", message: string, cause?: unknown) {
    super(code, "stop", message, cause);
  }
}
