// The key to which a token may be bound, and the proofs that it makes (`spec/wire.md` §Stolen tokens). WebCrypto
// alone; the private key cannot be read, not even by this page.
import { KeyError } from "./error.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DATABASE = "stagedoor";
const STORE = "keys";

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/[+/=]/g, sign => ({ "+": "-", "/": "_" })[sign] ?? "");
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

async function sha256(text: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(text))));
}

/** The request of a database, as a promise. */
function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * The key that a member holds. A token bound to its `thumbprint` opens for this member and nobody else, so a stolen
 * token alone is useless. The backend mints with `cnf: { jkt: thumbprint }`.
 *
 * ```ts
 * const proofKey = await ProofKey.load("seat");
 * const room = await connect({ url, proofKey, token: () => tokenFor(proofKey.thumbprint) });
 * ```
 */
export class ProofKey {
  /** The thumbprint of the public key (RFC 7638, SHA-256, base64url). */
  readonly thumbprint: string;
  readonly #key: CryptoKey;
  /** The public key as RFC 7638 has it hashed. */
  readonly #jwk: string;

  private constructor(key: CryptoKey, jwk: string, thumbprint: string) {
    this.#key = key;
    this.#jwk = jwk;
    this.thumbprint = thumbprint;
  }

  /**
   * A new key of P-256, which lives as long as this page.
   *
   * ```ts
   * const proofKey = await ProofKey.generate();
   * ```
   */
  static async generate(): Promise<ProofKey> {
    return ProofKey.from(await generatePair());
  }

  /**
   * The key that this origin keeps in IndexedDB under a name; a new one the first time.
   *
   * ```ts
   * const proofKey = await ProofKey.load("seat");
   * ```
   */
  static async load(name: string): Promise<ProofKey> {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    const database = await done(opening);
    try {
      const fresh = await generatePair();
      // Another page may have put one there in the meantime.
      const store = database.transaction(STORE, "readwrite").objectStore(STORE);
      const kept = (await done(store.get(name))) as CryptoKeyPair | undefined;
      if (!kept) await done(store.put(fresh, name));
      return await ProofKey.from(kept ?? fresh);
    } finally {
      database.close();
    }
  }

  /**
   * The key that you hold yourself: a pair of P-256 that can sign.
   *
   * ```ts
   * const proofKey = await ProofKey.from(await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]));
   * ```
   */
  static async from({ privateKey, publicKey }: CryptoKeyPair): Promise<ProofKey> {
    try {
      const { crv, kty, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
      if (crv !== ALGORITHM.namedCurve || !privateKey.usages.includes("sign"))
        throw new TypeError("not P-256");
      const jwk = JSON.stringify({ crv, kty, x, y });
      return new ProofKey(privateKey, jwk, await sha256(jwk));
    } catch (error) {
      throw new KeyError("key_invalid", "not a pair of P-256 that signs", error);
    }
  }

  /** The proof for a token or ticket that is presented, over the relay's nonce. The client asks for it. */
  async prove(presented: string, nonce: string): Promise<string> {
    const header = `{"typ":"dpop+jwt","alg":"ES256","jwk":${this.#jwk}}`;
    const claims = JSON.stringify({ nonce, ath: await sha256(presented) });
    const signed = `${base64url(utf8(header))}.${base64url(utf8(claims))}`;
    const signature = await crypto.subtle.sign(ALGORITHM, this.#key, utf8(signed));
    return `${signed}.${base64url(new Uint8Array(signature))}`;
  }
}

async function generatePair(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
}
