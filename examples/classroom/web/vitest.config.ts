// The page in Chromium, as `stagedoor dev` serves it. Needs the binary (STAGEDOOR_BIN, or target/debug/stagedoor) and
// Chromium (CHROMIUM_BIN, or /usr/bin/chromium).
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["test/**/*.fact.ts"], testTimeout: 120_000, hookTimeout: 60_000, fileParallelism: false },
});
