// Facts that need more than this package: `test/package` needs what `npm run build` made, `test/token` the `stagedoor`
// binary, PyJWT and jose, which `cargo xtask test` builds and installs. A path chooses: `npm run facts -- test/token`.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["test/{package,token}/**/*.fact.ts"], testTimeout: 60_000, hookTimeout: 60_000 },
});
