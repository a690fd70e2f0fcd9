// How the package is built: one ES module and one declaration for each entry, without a dependency.
import { defineConfig } from "tsdown";

export default defineConfig({
  entry: { token: "src/token/index.ts" },
  format: "esm",
  platform: "neutral",
  target: "es2022",
  dts: true,
  sourcemap: false,
  clean: true,
});
