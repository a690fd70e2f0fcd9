// Tokens that travel: to and from the Rust crate (by the `stagedoor` binary), PyJWT and jose. Needs what
// `cargo xtask test` builds and installs.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["test/token/*.fact.ts"], testTimeout: 30_000 },
});
