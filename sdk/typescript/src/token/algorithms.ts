// The algorithms of tokens (spec/token.md §Signature), as WebCrypto names them.

/**
 * How a key signs.
 *
 * ```ts
 * const alg: Algorithm = key.alg;
 * ```
 */
export type Algorithm = "HS256" | "EdDSA" | "ES256";

/**
 * A public key as a JWK (RFC 7517).
 *
 * ```ts
 * const jwk: PublicJwk = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
 * ```
 */
export interface PublicJwk {
  /** `OKP` of Ed25519, `EC` of P-256. */
  readonly kty: string;
  /** `Ed25519` or `P-256`. */
  readonly crv: string;
  /** The point, or its first coordinate: 32 bytes as base64url. */
  readonly x: string;
  /** The second coordinate of P-256. */
  readonly y?: string;
  /** Where present, the key's own. */
  readonly alg?: string;
  /** Where present, `sig`. */
  readonly use?: string;
}

/** Every algorithm, for importing a key and for its use alike: WebCrypto ignores what one of them does not need. */
export const ALGORITHMS = {
  HS256: { name: "HMAC", hash: "SHA-256" },
  EdDSA: { name: "Ed25519" },
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
} as const;
