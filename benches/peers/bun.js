// Bun's own publish and subscribe, as it ships: a room is a topic, a binary message goes to all others of it, a
// text message is a token whose signature is checked. Started by the benchmarks with the secret in its
// environment; tells its address in one line.
import { createHmac, timingSafeEqual } from "node:crypto";

const secret = Buffer.from(process.env.BENCH_SECRET, "base64url");

// As long as the answer that seats a member of Stagedoor.
const answer = "ok".padEnd(514);

function holds(token) {
  const dot = token.lastIndexOf(".");
  const signature = Buffer.from(token.slice(dot + 1), "base64url");
  const expected = createHmac("sha256", secret).update(token.slice(0, dot)).digest();
  return signature.length === expected.length && timingSafeEqual(signature, expected);
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    const room = new URL(request.url).pathname;
    if (server.upgrade(request, { data: { room } })) return undefined;
    return new Response("a WebSocket only", { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    open(ws) {
      ws.subscribe(ws.data.room);
    },
    message(ws, message) {
      if (typeof message !== "string") ws.publish(ws.data.room, message);
      else if (holds(message)) ws.send(answer);
      else ws.close(4001, "no such signature");
    },
  },
});
console.log(JSON.stringify({ address: `127.0.0.1:${server.port}` }));
