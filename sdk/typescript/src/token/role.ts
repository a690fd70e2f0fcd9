// Roles as templates, and the built-in ones (spec/roles.md §Template, §Built-in roles). What a template does not name
// is denied.

import { type Grants, KINDS, VERBS } from "../grants/grants.ts";
import { must } from "./fault.ts";
import { TEMPLATE } from "./form.ts";
import { plain, readJson } from "./json.ts";

/** A template with every field; what it does not name grants nothing. */
function whole(named: Partial<Grants> & Pick<Grants, "role">): Grants {
  return {
    rank: 0,
    set: [],
    moderate: [],
    ask: [],
    invite: [],
    waits: false,
    caps: {},
    ...named,
    publish: { streams: [], kinds: [], streams_max: 0, ...named.publish },
    subscribe: { streams: [], from: [], ...named.subscribe },
    send: { room: false, roles: [], users: [], ...named.send },
    presence: { sees: [], seen_by: [], ...named.presence },
  };
}

/**
 * A role from the JSON of its template. Throws a `TokenFault` of the code `roles_invalid` at the first place that is not of the form.
 *
 * ```ts
 * const guest = readRole('{"role":"guest","subscribe":{"streams":["*"],"from":["*"]}}');
 * ```
 */
export function readRole(json: string): Grants {
  const template = readJson(json);
  must(template !== undefined, "roles_invalid", "the template is not JSON");
  const flaw = TEMPLATE(template, "");
  must(!flaw, "roles_invalid", flaw?.what ?? "", flaw?.field);
  return whole(plain(template) as Grants);
}

const ALL = ["*"];
const STAGE = ["host", "cohost", "speaker"];

/** The five roles of an app that has no set of its own, from the highest rank down. */
export const BUILT_IN_ROLES: readonly Grants[] = /* @__PURE__ */ [
  {
    role: "host",
    rank: 100,
    publish: { streams: ALL, kinds: KINDS, streams_max: 16 },
    subscribe: { streams: ALL, from: ALL },
    send: { room: true, roles: ALL, users: ALL },
    set: ALL,
    moderate: VERBS,
    presence: { sees: ALL, seen_by: ALL },
    invite: ["cohost", "speaker", "audience", "observer"],
  },
  {
    role: "cohost",
    rank: 80,
    publish: { streams: ALL, kinds: KINDS, streams_max: 16 },
    subscribe: { streams: ALL, from: ALL },
    send: { room: true, roles: ALL, users: ALL },
    set: ALL,
    moderate: VERBS.filter(verb => verb !== "close"),
    presence: { sees: ALL, seen_by: ALL },
    invite: ["speaker", "audience"],
  },
  {
    role: "speaker",
    rank: 50,
    publish: { streams: ALL, kinds: KINDS, streams_max: 8 },
    subscribe: { streams: ALL, from: ALL },
    send: { room: true, roles: ALL, users: ["host", "cohost"] },
    presence: { sees: STAGE, seen_by: ALL },
    ask: ["cohost"],
  },
  {
    role: "audience",
    rank: 10,
    subscribe: { streams: ALL, from: STAGE },
    send: { room: false, roles: ["host", "cohost"], users: [] },
    presence: { sees: STAGE, seen_by: ["host", "cohost"] },
    ask: ["speaker"],
  },
  { role: "observer", subscribe: { streams: ALL, from: ALL }, presence: { sees: ALL, seen_by: [] } },
].map(role => whole(role));
