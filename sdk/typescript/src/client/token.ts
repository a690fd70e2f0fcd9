// Where tokens come from. A token is an opaque text here: kept in a private field, and in no storage, log, error or
// URL.
import type { Awake } from "./awake.ts";
import { TokenDenied, TokenError } from "./error.ts";
import type { TokenWhy } from "./renewal.ts";

/** What a token source is told. */
export interface TokenAsked {
  /** What the token is for. */
  readonly why: TokenWhy;
  /** Ends with the client, or after 15 s. */
  readonly signal: AbortSignal;
}

/**
 * A token, or where it comes from: your backend, which knows the user.
 *
 * ```ts
 * const token: Token = async ({ signal }) => (await fetch("/room-token", { signal })).text();
 * ```
 */
export type Token = string | ((asked: TokenAsked) => string | Promise<string>);

const SOURCE_MAX_MS = 15_000;
/** Refused tokens that are remembered. */
const REFUSED_MAX = 32;

/** The source: asked one question at a time, and only when there is no token that is still good. */
export class TokenSource {
  readonly #token: Token;
  readonly #awake: Awake;
  readonly #life: AbortSignal;
  readonly #refused = new Set<string>();
  #held: string | undefined;
  /** What the relay took last. */
  #accepted: string | undefined;
  /** When what is held ends, in milliseconds of the relay's Unix time. */
  #endMs = Infinity;
  #why: TokenWhy = "login";
  #asking: Promise<string> | undefined;

  constructor(token: Token, awake: Awake, life: AbortSignal) {
    this.#token = token;
    this.#awake = awake;
    this.#life = life;
  }

  /** Whether there is somebody to ask. */
  get isAsked(): boolean {
    return typeof this.#token === "function";
  }

  /** A token for a login: what is held if it is still good, else a new one. */
  async get(relayNowMs: number): Promise<string> {
    if (this.#held !== undefined && relayNowMs >= this.#endMs) this.drop(this.#held, "expired");
    return this.#held ?? this.ask(this.#why);
  }

  /** A new token. A question that is asked already is shared. */
  ask(why: TokenWhy): Promise<string> {
    this.#asking ??= this.#ask(why).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** The relay took it: it is good until then. */
  accepted(token: string, exp: number): void {
    this.#held = token;
    this.#accepted = token;
    this.#endMs = exp * 1000;
    this.#why = "login";
  }

  /** It logs in once, and did. */
  used(): void {
    this.#held = undefined;
  }

  /** The relay has closed because of what it took. A newer one that it has not seen stays. */
  dropAccepted(why: TokenWhy): void {
    if (this.#accepted !== undefined) this.drop(this.#accepted, why);
    this.#why = why;
  }

  /** It is not presented again. */
  drop(token: string, why: TokenWhy): void {
    this.#refused.add(token);
    for (const oldest of this.#refused) {
      if (this.#refused.size > REFUSED_MAX) this.#refused.delete(oldest);
    }
    if (this.#held === token) {
      this.#held = undefined;
      this.#why = why;
    }
  }

  async #ask(why: TokenWhy): Promise<string> {
    const text = (typeof this.#token === "string" ? this.#token : await this.#call(this.#token, why)).trim();
    if (this.#refused.has(text)) throw new TokenError("token_again", this.isAsked ? "later" : "stop");
    this.#held = text;
    this.#endMs = Infinity;
    return text;
  }

  async #call(source: Exclude<Token, string>, why: TokenWhy): Promise<string> {
    const call = new AbortController();
    const { signal } = call;
    const end = () => call.abort(this.#life.reason);
    const stop = this.#awake.after(SOURCE_MAX_MS, () =>
      call.abort(new TokenError("token_source_timeout", "later")),
    );
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
    this.#life.addEventListener("abort", end);
    try {
      const text = await Promise.race([source({ why, signal }), aborted]);
      if (typeof text !== "string" || !text) throw new TypeError("a token source gives a text");
      return text;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw error instanceof TokenDenied ? error : new TokenError("token_source_failed", "later", error);
    } finally {
      stop();
      this.#life.removeEventListener("abort", end);
    }
  }
}
