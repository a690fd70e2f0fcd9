// What a token's parts and its header say (spec/token.md §Form, §Header). Never chooses an algorithm, and reads nothing
// of the payload.

import { TOKEN_BYTES_MAX } from "../spec.ts";
import { decode, encode, utf8 } from "./base64url.ts";
import { must } from "./fault.ts";
import { HEADER } from "./forms.ts";
import { plain, readObject } from "./json.ts";

/** A token in its parts. */
export interface Parts {
  /** The id of the key that the header names. */
  readonly kid: string;
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
  const isWhole = parts.length === 3 && header && payload && (signature?.length === 32 || signature?.length === 64);
  must(isWhole, "token_malformed", "the token is not three parts of canonical base64url");
  return { kid: kidOf(header), signed: token.slice(0, token.lastIndexOf(".")), payload, signature };
}

/** The header of a key's tokens, as base64url. */
export function headerOf(kid: string): string {
  return encode(utf8(JSON.stringify({ alg: "HS256", typ: "JWT", kid })));
}

function kidOf(header: Uint8Array): string {
  const json = readObject(header);
  must(json && !HEADER(json, ""), "header_invalid", "the header is not `alg`, `typ` and `kid` alone");
  const { alg, kid, crit } = plain(json) as Record<string, unknown>;
  must(alg === "HS256", "alg_unsupported", "`alg` is not HS256");
  must(crit === undefined, "crit_unsupported", "`crit` is not understood");
  return kid as string;
}
