// A server component. It imports the client and its errors, and nothing happens: no socket, no `window`, no timer.
import { connect } from "@stagedoor/sdk/client";
import { Lobby } from "./lobby";

export default function Page() {
  return <Lobby canConnect={typeof connect === "function"} />;
}
