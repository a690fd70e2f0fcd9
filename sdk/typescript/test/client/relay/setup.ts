// One relay for all facts; its address and secrets go to the tests by the environment.
import { Relay } from "./relay.ts";

export async function setup(): Promise<() => Promise<void>> {
  const relay = await Relay.start();
  process.env["STAGEDOOR_TEST_RELAY"] = JSON.stringify(relay.app);
  return async () => {
    await relay.stop();
  };
}
