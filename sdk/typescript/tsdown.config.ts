// How the package is built: one ES module and one declaration for each entry, which share no file and need no other.
import { defineConfig } from "tsdown";

const entries = { client: "src/client/index.ts", token: "src/token/index.ts" };

export default defineConfig(
  Object.entries(entries).map(([name, path], index) => ({
    entry: { [name]: path },
    format: "esm" as const,
    platform: "neutral" as const,
    target: "es2022",
    dts: true,
    // A room can be disposed of; users may not have named the library that says what that is.
    banner: { dts: '/// <reference lib="esnext.disposable" />' },
    sourcemap: false,
    clean: index === 0,
  })),
);
