// A token endpoint in Deno: `APP=1 KID=k_1 STAGEDOOR_SECRET=… deno run --allow-env --allow-net deno.ts`.

import { Key } from "@stagedoor/sdk/token";
import { roomToken, userOfCookie } from "./endpoint.ts";

/** The part of Deno that is used here. */
declare const Deno: {
  readonly env: { get(name: string): string | undefined };
  serve(handler: (request: Request) => Promise<Response>): unknown;
};

const key = await Key.hs256({
  app: Number(Deno.env.get("APP")),
  kid: Deno.env.get("KID") ?? "",
  secret: Deno.env.get("STAGEDOOR_SECRET") ?? "",
});
Deno.serve(roomToken(key, userOfCookie));
