// A token endpoint in Node: `APP=1 KID=k_1 STAGEDOOR_SECRET=… node node.ts`. PORT is 8000 unless given.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Key } from "@stagedoor/sdk/token";
import { roomToken, userOfCookie } from "./endpoint.ts";

const { APP, KID = "", STAGEDOOR_SECRET = "", PORT = "8000" } = process.env;
const key = await Key.hs256({ app: Number(APP), kid: KID, secret: STAGEDOOR_SECRET });
const answer = roomToken(key, userOfCookie);

const server = createServer(async (asked, told) => {
  const { method = "GET", url = "/", headers } = asked;
  const request = new Request(new URL(url, "http://localhost"), {
    method,
    headers: { cookie: headers.cookie ?? "" },
  });
  const response = await answer(request);
  told.writeHead(response.status, Object.fromEntries(response.headers));
  told.end(await response.text());
});
server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/room-token`);
});
