// An OpenID provider on this machine, run by the tests: npm's oidc-provider as it is, with keys that are made at each
// start. The first line of standard input says how; each further line is a request, answered by one line.

import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const modules = createRequire(`${process.env.STAGEDOOR_NODE_MODULES}/package.json`);
// It tells of every default that is for development, on standard output.
for (const name of ["info", "warn", "log"]) console[name] = () => {};
const load = async (name) => import(pathToFileURL(modules.resolve(name)).href);
const { Provider } = await load("oidc-provider");
const { exportJWK, generateKeyPair } = await load("jose");

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => {
  const { value, done } = await lines.next();
  return done ? undefined : JSON.parse(value);
};
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

const { port, alg, kid } = await read();
const { privateKey } = await generateKeyPair(alg, { extractable: true });
const jwk = { ...(await exportJWK(privateKey)), kid, alg, use: "sig" };
const asked = { documents: 0, keys: 0 };
let handle;
const server = createServer((request, response) => {
  if (request.url === "/.well-known/openid-configuration") asked.documents += 1;
  if (request.url === "/jwks") asked.keys += 1;
  handle(request, response);
});
await new Promise((listening) => server.listen(port, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

// Whom logout tokens are sent to.
let received;
const receiver = createServer((request, response) => {
  let body = "";
  request.on("data", (data) => (body += data));
  request.on("end", () => {
    received(new URLSearchParams(body).get("logout_token"));
    response.end();
  });
});
await new Promise((listening) => receiver.listen(0, "127.0.0.1", listening));

const redirect = "http://127.0.0.1/callback";
const client = (id) => ({
  client_id: id,
  client_secret: `secret of ${id}`,
  redirect_uris: [redirect],
  id_token_signed_response_alg: alg,
  backchannel_logout_uri: `http://127.0.0.1:${receiver.address().port}/logout`,
  application_type: "native",
});
const account = (sub) => ({
  accountId: sub,
  claims: () => ({
    sub,
    name: `${sub} of ${alg}`,
    groups: sub === "anna" ? ["teachers"] : ["students"],
    org: { id: "7" },
    email: `${sub}@id.example`,
    email_verified: sub === "anna",
  }),
});
const provider = new Provider(issuer, {
  clients: ["web", "other", "past", "jwt"].map(client),
  jwks: { keys: [jwk] },
  findAccount: (_, sub) => account(sub),
  claims: { openid: ["sub", "name", "groups", "org", "email", "email_verified"] },
  conformIdTokenClaims: false,
  ttl: { IdToken: (_, __, { clientId }) => (clientId === "past" ? 1 : 3600) },
  features: {
    backchannelLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_, { clientId }) => (clientId === "jwt" ? "urn:api" : undefined),
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: "", audience: "web", accessTokenFormat: "jwt", jwt: { sign: { alg } } }),
    },
  },
  // Its own refuses this machine.
  fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
  cookies: { keys: [randomBytes(16).toString("hex")] },
});
handle = provider.callback();

/** Logs in as a browser does, through the provider's development pages, and exchanges the code. */
async function login({ client_id, sub, nonce }) {
  const cookies = new Map();
  const visit = async (url, form) => {
    const body = form && new URLSearchParams(form);
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const method = form ? "POST" : "GET";
    const answer = await fetch(url, { method, body, redirect: "manual", headers: { cookie } });
    for (const set of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set);
      if (value) cookies.set(name, value);
      else cookies.delete(name);
    }
    const to = answer.headers.get("location");
    if (!to) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
    return new URL(to, url).href;
  };
  const verifier = randomBytes(32).toString("base64url");
  const query = new URLSearchParams({
    client_id,
    redirect_uri: redirect,
    response_type: "code",
    scope: "openid",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    ...(nonce && { nonce }),
  });
  let url = await visit(`${issuer}/auth?${query}`);
  for (const form of [{ prompt: "login", login: sub, password: "any" }, { prompt: "consent" }]) {
    url = await visit(await visit(url, form));
  }
  const code = new URL(url).searchParams.get("code");
  const basic = Buffer.from(`${client_id}:${encodeURIComponent(`secret of ${client_id}`)}`);
  const answer = await fetch(`${issuer}/token`, {
    method: "POST",
    headers: { authorization: `Basic ${basic.toString("base64")}` },
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code,
      redirect_uri: redirect,
      code_verifier: verifier,
    }),
  });
  return answer.json();
}

async function logout({ sub }) {
  const sent = new Promise((resolve) => (received = resolve));
  const web = await provider.Client.find("web");
  await web.backchannelLogout(sub, "sid");
  return { logout_token: await sent };
}

say({ issuer, port: server.address().port });
for (let request = await read(); request; request = await read()) {
  const { what } = request;
  try {
    if (what === "login") {
      const answer = await login(request);
      if (request.client_id === "past") await new Promise((over) => setTimeout(over, 1_100));
      say(answer);
    } else if (what === "logout") say(await logout(request));
    else say(asked);
  } catch (error) {
    say({ error: String(error) });
  }
}
process.exit();
