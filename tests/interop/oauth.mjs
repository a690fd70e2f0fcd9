// openid-client against our OAuth, from discovery on. Told on standard input; answers with what it saw.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const modules = process.env.STAGEDOOR_NODE_MODULES;
const found = createRequire(join(modules, "_")).resolve("openid-client");
const oauth = await import(pathToFileURL(found));

const asked = JSON.parse(readFileSync(0, "utf8"));
const issuer = new URL(asked.issuer);
const at = (id, secret, how) =>
  oauth.discovery(issuer, id, undefined, how(secret), { algorithm: "oauth2" });

/** The `error` of a refusal, and the status. */
async function refused(act) {
  try {
    await act();
    return "accepted";
  } catch (error) {
    const status = error.status ?? error.cause?.status;
    const body = error.error ?? (await error.response?.json?.().catch(() => undefined))?.error;
    const challenge = error.cause?.[0]?.scheme;
    return [status, body ?? error.code, challenge ?? null];
  }
}

const answer = {};
for (const [name, how] of [
  ["basic", oauth.ClientSecretBasic],
  ["post", oauth.ClientSecretPost],
]) {
  const config = await at(asked.id, asked.secret, how);
  const all = await oauth.clientCredentialsGrant(config);
  const some = await oauth.clientCredentialsGrant(config, { scope: "tokens:verify", resource: asked.resource });
  const me = await oauth.fetchProtectedResource(config, some.access_token, new URL("/v1/me", issuer), "GET");
  const room = await oauth.tokenIntrospection(config, asked.room_token);
  const access = await oauth.tokenIntrospection(config, some.access_token, { token_type_hint: "access_token" });
  await oauth.tokenRevocation(config, some.access_token);
  const after = await oauth.tokenIntrospection(config, some.access_token);
  answer[name] = {
    issuer: config.serverMetadata().issuer,
    all,
    expires_in: all.expiresIn(),
    some,
    me: await me.json(),
    room,
    access,
    after,
  };
}

const good = await at(asked.id, asked.secret, oauth.ClientSecretBasic);
const weak = await at(asked.weak_id, asked.weak_secret, oauth.ClientSecretPost);
const wrong = (how) => at(asked.id, asked.weak_secret, how);
answer.refused = {
  client_by_basic: await refused(async () => oauth.clientCredentialsGrant(await wrong(oauth.ClientSecretBasic))),
  client_by_post: await refused(async () => oauth.clientCredentialsGrant(await wrong(oauth.ClientSecretPost))),
  grant: await refused(() => oauth.genericGrantRequest(good, "urn:example:none", {})),
  scope: await refused(() => oauth.clientCredentialsGrant(good, { scope: "rooms:write" })),
  target: await refused(() => oauth.clientCredentialsGrant(good, { resource: "urn:stagedoor:app:1" })),
  client_unauthorized: await refused(() => oauth.tokenIntrospection(weak, asked.room_token)),
  token_type: await refused(() => oauth.tokenRevocation(good, asked.weak_secret)),
  request: await refused(() => oauth.clientCredentialsGrant(good, { x: "1".repeat(17_000) })),
};
// A grant that is there, by the generic way.
answer.generic = await oauth.genericGrantRequest(good, "client_credentials", {});
await oauth.tokenRevocation(good, asked.room_token);
answer.room_after = await oauth.tokenIntrospection(good, asked.room_token);
process.stdout.write(JSON.stringify(answer));
