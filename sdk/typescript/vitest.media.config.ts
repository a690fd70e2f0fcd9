// Audio and video in Chromium against a relay. Needs the binary (STAGEDOOR_BIN, or target/debug/stagedoor) and Chromium
// (CHROMIUM_BIN, or /usr/bin/chromium). One file at a time: the encoders take the whole machine.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/media/**/*.fact.ts"],
    globalSetup: "test/client/relay/setup.ts",
    testTimeout: 60_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
