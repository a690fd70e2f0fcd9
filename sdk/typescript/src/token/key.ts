// Keys, their states, and sets of them (spec/token.md §Keys). A key knows its app and its one algorithm; its secret is
// held by WebCrypto, cannot be taken out again, and is never shown.

import { encode, utf8 } from "./base64url.ts";
import { must } from "./fault.ts";
import { secretOf } from "./secret.ts";

/**
 * What a key may still do: `next` and `retiring` verify, `current` verifies and signs, `retired` does neither.
 *
 * ```ts
 * const old = await Key.hs256({ app: 7, kid: "k_0", secret, state: "retiring" });
 * ```
 */
export type KeyState = "next" | "current" | "retiring" | "retired";

/**
 * What a key is made of.
 *
 * ```ts
 * const options: KeyOptions = { app: 7, kid: "k_1", secret: new Uint8Array(32), state: "current" };
 * ```
 */
export interface KeyOptions {
  /** The AppID, 0 to 4294967295. */
  readonly app: number;
  /** The key's id: 1 to 64 bytes of `[A-Za-z0-9_-]`. */
  readonly kid: string;
  /** The secret, at least 32 bytes: as it was issued, in base64url or as `sdsec_…`, or the bytes themselves. */
  readonly secret: string | Uint8Array;
  /** What it may do; `current` unless given. */
  readonly state?: KeyState;
}

/** The WebCrypto key of a key; given out to this file alone. */
let hmacOf: (key: Key) => CryptoKey;

/**
 * A key of one app.
 *
 * ```ts
 * const key = await Key.hs256({ app: 7, kid: "k_1", secret: env.STAGEDOOR_SECRET });
 * key.state; // "current"
 * ```
 */
export class Key {
  static {
    hmacOf = key => key.#hmac;
  }

  /** The AppID. */
  declare readonly app: number;
  /** The key's id, unique in a deployment. */
  declare readonly kid: string;
  /** What it may still do. */
  declare readonly state: KeyState;
  readonly #hmac: CryptoKey;

  private constructor(of: Pick<Key, "app" | "kid" | "state">, hmac: CryptoKey) {
    Object.assign(this, of);
    this.#hmac = hmac;
  }

  /**
   * A key for HMAC with SHA-256. Rejects with a `TokenFault` of the code `key_invalid`.
   *
   * ```ts
   * const key = await Key.hs256({ app: 7, kid: "k_1", secret: env.STAGEDOOR_SECRET });
   * ```
   */
  static async hs256(options: KeyOptions): Promise<Key> {
    const { app, kid, secret, state = "current" } = options;
    const isNamed = app === app >>> 0 && /^[\w-]{1,64}$/.test(kid);
    must(
      isNamed && /^(next|current|retir(ing|ed))$/.test(state),
      "key_invalid",
      "not an AppID, a kid or a state",
    );
    // A copy: the caller's bytes may change while WebCrypto reads them.
    const bytes = typeof secret === "string" ? secretOf(secret) : new Uint8Array(secret);
    must(
      bytes && bytes.length >= 32,
      "key_invalid",
      "must be at least 32 bytes, as base64url, `sdsec_…` or bytes",
      "secret",
    );
    const hmac = { name: "HMAC", hash: "SHA-256" };
    const imported = await crypto.subtle.importKey("raw", bytes, hmac, false, ["sign", "verify"]);
    bytes.fill(0);
    return new Key({ app, kid, state }, imported);
  }
}

/** The signature of a text, as base64url. */
export async function sign(key: Key, text: string): Promise<string> {
  return encode(new Uint8Array(await crypto.subtle.sign("HMAC", hmacOf(key), utf8(text))));
}

/** Whether a signature is a key's, found out in constant time. */
export function isSigned(key: Key, text: string, signature: Uint8Array<ArrayBuffer>): Promise<boolean> {
  return crypto.subtle.verify("HMAC", hmacOf(key), signature, utf8(text));
}

/**
 * Keys of any number of apps, found by their ids.
 *
 * ```ts
 * const keys = new Keys([current, retiring]);
 * keys.get("k_1")?.state; // "current"
 * ```
 */
export class Keys {
  readonly #byKid: ReadonlyMap<string, Key>;

  /** A set of keys; of two with one id the later counts. */
  constructor(keys: Iterable<Key>) {
    this.#byKid = new Map([...keys].map(key => [key.kid, key]));
  }

  /** The key with an id. */
  get(kid: string): Key | undefined {
    return this.#byKid.get(kid);
  }
}
