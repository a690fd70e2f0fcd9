// What a token says of itself, without a key. Proves nothing, and says so.

import { split } from "./header.ts";
import { plain } from "./json.ts";
import { objectOf } from "./read.ts";

/**
 * What a token claims. Anybody can write such a token: decide nothing by it.
 *
 * ```ts
 * const { proven, claims } = inspect(token); // proven is always false
 * ```
 */
export interface Unproven {
  /** Always false: no signature was checked. */
  readonly proven: false;
  /** For whoever prints this. */
  readonly warning: "NOT VERIFIED";
  /** The id of the key that the token says it is signed with. */
  readonly kid: string;
  /** The claims as they stand, unchecked. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * What a token says, unproven: for logs and for looking at. Throws a `TokenFault` where it is no token at all.
 *
 * ```ts
 * console.log(inspect(token).claims.exp);
 * ```
 */
export function inspect(token: string): Unproven {
  const { kid, payload } = split(token);
  const claims = plain(objectOf(payload)) as Record<string, unknown>;
  return { proven: false, warning: "NOT VERIFIED", kid, claims };
}
