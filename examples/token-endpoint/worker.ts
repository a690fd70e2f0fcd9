// A token endpoint in an edge worker. APP and KID are variables of the worker, STAGEDOOR_SECRET is a secret of it.

import { Key } from "@stagedoor/sdk/token";
import { roomToken, userOfCookie } from "./endpoint.ts";

interface Env {
  readonly APP: string;
  readonly KID: string;
  readonly STAGEDOOR_SECRET: string;
}

/** Made with the first request, since a worker has its secrets only then; the same for all that follow. */
let key: Promise<Key> | undefined;

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    key ??= Key.hs256({ app: Number(env.APP), kid: env.KID, secret: env.STAGEDOOR_SECRET });
    return roomToken(await key, userOfCookie)(request);
  },
};
