// A token and keys become claims, or a refusal (spec/token.md §Order of the checks). Nothing of the claims is looked
// at before the signature is known to be good.

import type { Claims } from "./claims.ts";
import { must } from "./fault.ts";
import { split } from "./header.ts";
import { isSigned, type Keys } from "./key.ts";
import { read } from "./read.ts";

/**
 * What a token is verified against.
 *
 * ```ts
 * await verify(token, keys, { room: "lobby", now: 1_790_000_000 });
 * ```
 */
export interface VerifyOptions {
  /** The time, Unix seconds; the machine's unless given. */
  readonly now?: number;
  /** The room that the token must be for. */
  readonly room?: string;
}

/** The time of the machine, Unix seconds. */
export function nowOf(): number {
  return Math.floor(Date.now() / 1000);
}

/**
 * The claims of a token that one of the keys has signed, and that is good now. Rejects with a `TokenFault`.
 *
 * ```ts
 * const { sub, role } = await verify(token, keys, { room: "lobby" });
 * ```
 */
export async function verify(token: string, keys: Keys, options: VerifyOptions = {}): Promise<Claims> {
  const { kid, alg, signed, payload, signature } = split(token);
  const key = keys.get(kid);
  must(key, "key_unknown", "no key has this `kid`");
  must(alg === key.alg, "alg_unsupported", "`alg` is not the key's");
  must(key.state !== "retired", "key_retired", "the key is retired");
  must(
    await isSigned(key, signed, signature),
    "signature_invalid",
    "the signature is not the key's; was the secret decoded from base64url?",
  );
  const claims = read(payload, key.app, options.now ?? nowOf());
  const isRoom = (options.room ?? claims.room) === claims.room;
  must(isRoom, "room_mismatch", "is another room", "room");
  return claims;
}
