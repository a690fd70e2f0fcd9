// What a token's parts and its header say (spec/token.md §Form, §Header). Never chooses an algorithm, and reads nothing
// of the payload.

import { TOKEN_BYTES_MAX } from "../spec.ts";
import { ALGORITHMS, type Algorithm } from "./algorithms.ts";
import { decode, encode, utf8 } from "./base64url.ts";
import { must } from "./fault.ts";
import { HEADER } from "./forms.ts";
import { plain, readObject } from "./json.ts";
import type { Key } from "./key.ts";

/** A token in its parts. */
export interface Parts {
  /** The id of the key that the header names. */
  readonly kid: string;
  /** The algorithm that the header says; the key decides. */
  readonly alg: Algorithm;
  /** What the signature is of. */
  readonly signed: string;
  /** The claims' bytes. */
  readonly payload: Uint8Array;
  /** 32 or 64 bytes. */
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** A token in its parts, unproven. Throws a `TokenFault`. */
export function split(token: string): Parts {
  must(
    utf8(token).length <= TOKEN_BYTES_MAX,
    "token_too_large",
    `the token has over ${TOKEN_BYTES_MAX} bytes`,
  );
  const parts = token.split(".");
  const [header, payload, signature] = parts.map(decode);
  const isWhole =
    parts.length === 3 && header && payload && (signature?.length === 32 || signature?.length === 64);
  must(isWhole, "token_malformed", "the token is not three parts of canonical base64url");
  return { ...said(header), signed: token.slice(0, token.lastIndexOf(".")), payload, signature };
}

/** The header of a key's tokens, as base64url. */
export function headerOf({ alg, kid }: Key): string {
  return encode(utf8(JSON.stringify({ alg, typ: "JWT", kid })));
}

function said(header: Uint8Array): Pick<Parts, "kid" | "alg"> {
  const json = readObject(header);
  must(json && !HEADER(json, ""), "header_invalid", "the header is not `alg`, `typ` and `kid` alone");
  const { alg, kid, crit } = plain(json) as { alg: Algorithm; kid: string; crit: unknown };
  must(Object.hasOwn(ALGORITHMS, alg), "alg_unsupported", "`alg` is none of HS256, EdDSA and ES256");
  must(crit === undefined, "crit_unsupported", "`crit` is not understood");
  return { kid, alg };
}
