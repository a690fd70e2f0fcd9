/**
 * Tokens of Stagedoor: a **key** signs **claims** into a **token**; every holder of the key can verify it and ask what
 * it allows. WebCrypto alone, no network, nothing done on import. `spec/token.md` and `spec/roles.md` decide.
 *
 * ```ts
 * import { authorize, Key, Keys, mint, seat, verify } from "@stagedoor/sdk/token";
 *
 * const key = await Key.hs256({ app: 7, kid: "k_1", secret: crypto.getRandomValues(new Uint8Array(32)) });
 * const token = await mint(key, { room: "lobby", sub: "ann", role: "host" });
 * const claims = await verify(token, new Keys([key]), { room: "lobby" });
 * authorize(seat(claims, [{ role: "host", send: { room: true } }]), { do: "sendRoom" }); // { ok: true }
 * ```
 *
 * @packageDocumentation
 */

// In reading order; a file uses only files further down: mint, verify, inspect (what they do to a token), narrow (a role
// and a token become grants), read (the claims, checked), header (the parts of a token), key, algorithms, forms (what
// claims and grants look like), form (what forms are built from), claims (their types), fault, json, secret, base64url; and ../grants, which the client uses too.

export { type Action, authorize, type Decision, type DeniedCode } from "../grants/authorize.ts";
export type {
  Caps,
  GrantedVerb,
  Grants,
  PresenceGrants,
  PublishGrants,
  SecondLogin,
  SendGrants,
  SubscribeGrants,
} from "../grants/grants.ts";
export type { Kind, Rule, TokenCode, Verb } from "../spec.ts";
export type { Algorithm, PublicJwk } from "./algorithms.ts";
export type { AtExp, Claims, Narrowing, NewClaims, Template, Until } from "./claims.ts";
export { type FaultCode, TokenFault } from "./fault.ts";
export { inspect, type Unproven } from "./inspect.ts";
export { type JwkOptions, Key, type KeyOptions, type KeyState, Keys } from "./key.ts";
export { type MintOptions, mint } from "./mint.ts";
export { narrow, seat } from "./narrow.ts";
export { type VerifyOptions, verify } from "./verify.ts";
