// Claims and a key become a token (spec/token.md §Form). Signs nothing that `verify` would refuse, the time of the day
// apart.

import { encode, utf8 } from "./base64url.ts";
import type { NewClaims } from "./claims.ts";
import { must } from "./fault.ts";
import { headerOf, split } from "./header.ts";
import { write } from "./json.ts";
import { type Key, sign } from "./key.ts";
import { read } from "./read.ts";
import { nowOf } from "./verify.ts";

/**
 * How a token is made.
 *
 * ```ts
 * await mint(key, { room: "lobby", sub: "ann", role: "host" }, { ttlS: 60 });
 * ```
 */
export interface MintOptions {
  /** The time, Unix seconds; the machine's unless given. */
  readonly now?: number;
  /** How long the token is good where the claims name no `exp`, in seconds; 900 unless given. */
  readonly ttlS?: number;
}

/**
 * A token that says these claims, signed with a `current` key. What is absent is filled in: `app` is the key's, `iat`
 * now, `nbf` the same, `exp` after `ttlS`, `jti` 128 random bits. Rejects with a `TokenFault`.
 *
 * ```ts
 * const token = await mint(key, { room: "lobby", sub: "ann", role: "speaker" }, { ttlS: 600 });
 * ```
 */
export async function mint(key: Key, claims: NewClaims, options: MintOptions = {}): Promise<string> {
  must(key.state === "current", "no_current_key", "the key is not current");
  const iat = claims.iat ?? options.now ?? nowOf();
  const filled = {
    app: key.app,
    iat,
    nbf: iat,
    exp: iat + (options.ttlS ?? 900),
    jti: encode(crypto.getRandomValues(new Uint8Array(16))),
    ...claims,
  };
  const json = write(read(write(filled), key.app));
  const signed = `${headerOf(key)}.${encode(utf8(json))}`;
  const token = `${signed}.${await sign(key, signed)}`;
  // Its length is checked as it will be at the door.
  split(token);
  return token;
}
