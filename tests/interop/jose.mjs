// Verifies a token with jose and mints one. A JSON object comes in on stdin, one goes out on stdout. jose
// lies in the folder that STAGEDOOR_NODE_MODULES names, which need not be above this file.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(process.env.STAGEDOOR_NODE_MODULES, "of-here.js"));
const { SignJWT, UnsecuredJWT, errors, importJWK, jwtVerify } = await import(pathToFileURL(require.resolve("jose")).href);

const asked = JSON.parse(readFileSync(0, "utf8"));
const secret = Buffer.from(asked.secret, "base64url");
const { d, ...point } = asked.jwk ?? {};
const signs = asked.jwk ? await importJWK(asked.jwk, asked.alg) : secret;
const verifies = asked.jwk ? await importJWK(point, asked.alg) : secret;
const verify = (token) =>
  jwtVerify(token, verifies, { algorithms: [asked.alg], requiredClaims: ["exp", "nbf", "iat", "jti", "sub"] });
const mint = (alg, key) =>
  new SignJWT(asked.claims).setProtectedHeader({ alg, typ: "JWT", kid: asked.kid }).sign(key);

let forged_refused_for = null;
try {
  await verify(asked.forged);
} catch (error) {
  if (error instanceof errors.JWSSignatureVerificationFailed) forged_refused_for = "signature";
}
const { protectedHeader, payload } = await verify(asked.token);
const answer = {
  header: protectedHeader,
  claims: payload,
  forged_refused_for,
  token: await mint(asked.alg, signs),
  ...(!asked.jwk && { token_hs512: await mint("HS512", Buffer.concat([secret, secret])) }),
  token_none: new UnsecuredJWT(asked.claims).encode(),
};
process.stdout.write(JSON.stringify(answer));
