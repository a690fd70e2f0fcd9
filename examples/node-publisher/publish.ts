// Node as a publisher: sends the time to a room once a second, until it is interrupted.
import { connect } from "@stagedoor/sdk/client";

const { STAGEDOOR_CONNECT: url, STAGEDOOR_TOKEN: token } = process.env;
if (!url || !token) throw new Error("set STAGEDOOR_CONNECT and STAGEDOOR_TOKEN");

await using room = await connect({ url, token });
const clock = await room.publish("clock", "data", { meta: JSON.stringify({ of: "time" }) });
const interrupted = new Promise<void>(resolve => process.once("SIGINT", resolve));
const tick = setInterval(() => clock.send(new TextEncoder().encode(new Date().toISOString())), 1000);
console.log(`${room.me?.user} publishes ${clock.name}`);
await Promise.race([interrupted, room.once("closed")]);
clearInterval(tick);
