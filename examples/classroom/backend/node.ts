// The backend as a process: `APP=… KID=… STAGEDOOR_SECRET=… STAGEDOOR_URL=… STAGEDOOR_API_KEY=… node node.ts`.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { backend } from "./backend.ts";

const { env } = process;
const answer = await backend({
  app: Number(env["APP"]),
  kid: env["KID"] ?? "",
  secret: env["STAGEDOOR_SECRET"] ?? "",
  url: env["STAGEDOOR_URL"] ?? "http://127.0.0.1:7880",
  apiKey: env["STAGEDOOR_API_KEY"] ?? "",
});

const server = createServer(async (asked, told) => {
  const { method = "GET", url = "/", headers } = asked;
  const request = new Request(new URL(url, "http://localhost"), {
    method,
    headers: { authorization: headers.authorization ?? "" },
    ...(method === "POST" && { body: await text(asked) }),
  });
  const response = await answer(request).catch(() => new Response("failed", { status: 502 }));
  told.writeHead(response.status, Object.fromEntries(response.headers));
  told.end(await response.text());
});
server.listen(Number(env["PORT"] ?? 8000), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/classroom/token`);
});
