// Keys, their states, and sets of them (spec/token.md §Keys). A key knows its app and its one algorithm; its secret or
// private key is held by WebCrypto, cannot be taken out again, and is never shown.

import { ALGORITHMS, type Algorithm, type PublicJwk } from "./algorithms.ts";
import { decode, encode, utf8 } from "./base64url.ts";
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

/** What every key has. */
interface Named {
  /** The AppID, 0 to 4294967295. */
  readonly app: number;
  /** The key's id: 1 to 64 bytes of `[A-Za-z0-9_-]`. */
  readonly kid: string;
  /** What it may do; `current` unless given. */
  readonly state?: KeyState;
}

/**
 * What a key of HMAC is made of.
 *
 * ```ts
 * const options: KeyOptions = { app: 7, kid: "k_1", secret: new Uint8Array(32), state: "current" };
 * ```
 */
export interface KeyOptions extends Named {
  /** The secret, at least 32 bytes: as it was issued, in base64url or as `sdsec_…`, or the bytes themselves. */
  readonly secret: string | Uint8Array;
}

/**
 * What a key pair, or a public key alone, is made of.
 *
 * ```ts
 * const options: JwkOptions = { app: 7, kid: "k_2", jwk: { kty: "OKP", crv: "Ed25519", x } };
 * ```
 */
export interface JwkOptions extends Named {
  /** The key. With `d`, the private part, one of Ed25519 signs; without, and of P-256, it verifies. */
  readonly jwk: PublicJwk & { readonly d?: string };
}

/** The WebCrypto keys of a key; given out to this file alone. */
let heldBy: (key: Key) => Held;

interface Held {
  /** Absent where the key only verifies. */
  readonly signs: CryptoKey | undefined;
  readonly verifies: CryptoKey;
}

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
    heldBy = key => key.#held;
  }

  /** The AppID. */
  declare readonly app: number;
  /** The key's id, unique in a deployment. */
  declare readonly kid: string;
  /** What it may still do. */
  declare readonly state: KeyState;
  /** The only algorithm of its tokens. */
  declare readonly alg: Algorithm;
  readonly #held: Held;

  private constructor({ app, kid, state = "current" }: Named, alg: Algorithm, held: Held) {
    const isNamed = app === app >>> 0 && /^[\w-]{1,64}$/.test(kid);
    must(
      isNamed && /^(next|current|retir(ing|ed))$/.test(state),
      "key_invalid",
      "not an AppID, a kid or a state",
    );
    Object.assign(this, { app, kid, state, alg });
    this.#held = held;
  }

  /**
   * A key for HMAC with SHA-256. Rejects with a `TokenFault` of the code `key_invalid`.
   *
   * ```ts
   * const key = await Key.hs256({ app: 7, kid: "k_1", secret: env.STAGEDOOR_SECRET });
   * ```
   */
  static async hs256(options: KeyOptions): Promise<Key> {
    const { secret } = options;
    // A copy: the caller's bytes may change while WebCrypto reads them.
    const bytes = typeof secret === "string" ? secretOf(secret) : new Uint8Array(secret);
    must(
      bytes && bytes.length >= 32,
      "key_invalid",
      "must be at least 32 bytes, as base64url, `sdsec_…` or bytes",
      "secret",
    );
    const uses: KeyUsage[] = ["sign", "verify"];
    const both = await crypto.subtle.importKey("raw", bytes, ALGORITHMS.HS256, false, uses);
    bytes.fill(0);
    return new Key(options, "HS256", { signs: both, verifies: both });
  }

  /**
   * A key of Ed25519 or P-256 from its JWK: with the private part `d` one of Ed25519 signs, otherwise it verifies alone.
   * Rejects with a `TokenFault` of the code `key_invalid`.
   *
   * ```ts
   * const key = await Key.fromJwk({ app: 7, kid: "k_2", jwk: JSON.parse(env.STAGEDOOR_KEY) });
   * ```
   */
  static async fromJwk(options: JwkOptions): Promise<Key> {
    const { kty, crv, x = "", y, d, alg: said, use = "sig" } = options.jwk;
    const alg = crv === "Ed25519" ? "EdDSA" : "ES256";
    const isFit =
      use === "sig" &&
      [undefined, alg, alg === "EdDSA" && crv].includes(said) &&
      (y === undefined) === (alg === "EdDSA") &&
      [x, y ?? x].every(part => decode(part)?.length === 32);
    const wanted = "must be a key of Ed25519 or P-256 that signs or verifies";
    must(isFit, "key_invalid", wanted, "jwk");
    const imported = (more: { d?: string }, purpose: KeyUsage): Promise<CryptoKey | undefined> => {
      const jwk = { kty, crv, x, ...(y && { y }), ...more };
      return crypto.subtle.importKey("jwk", jwk, ALGORITHMS[alg], false, [purpose]).catch(() => undefined);
    };
    const verifies = await imported({}, "verify");
    const isPair = d !== undefined && alg === "EdDSA";
    const signs = isPair ? await imported({ d }, "sign") : undefined;
    // WebCrypto says of a key only that it is none.
    must(verifies && !signs === !isPair, "key_invalid", wanted, "jwk");
    const key = new Key(options, alg, { signs, verifies });
    // A private key of another point would sign what nobody takes.
    if (signs) {
      const signature = decode(await sign(key, "")) as Uint8Array<ArrayBuffer>;
      must(await isSigned(key, "", signature), "key_invalid", "has a `d` of another `x`", "jwk");
    }
    return key;
  }
}

/** The signature of a text, as base64url. */
export async function sign(key: Key, text: string): Promise<string> {
  const { signs } = heldBy(key);
  must(signs, "key_invalid", "the key has no private part, so it cannot sign");
  return encode(new Uint8Array(await crypto.subtle.sign(ALGORITHMS[key.alg], signs, utf8(text))));
}

/** Whether a signature is a key's; of HMAC found out in constant time. */
export function isSigned(key: Key, text: string, signature: Uint8Array<ArrayBuffer>): Promise<boolean> {
  return crypto.subtle.verify(ALGORITHMS[key.alg], heldBy(key).verifies, signature, utf8(text));
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
