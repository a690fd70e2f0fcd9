// The client against a relay: real processes on port 0. Needs the binary (STAGEDOOR_BIN, or target/debug/stagedoor).
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/client/**/*.fact.ts"],
    globalSetup: "test/client/relay/setup.ts",
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
