// How the package is built: one ES module and one declaration for each entry. No module needs another; the declarations
// of `media` name those of `client`, so that a room of the one is a room of the other.
import { defineConfig, type UserConfig } from "tsdown";

const entries = {
  client: "src/client/index.ts",
  media: "src/media/index.ts",
  token: "src/token/index.ts",
};

const shared = {
  format: "esm",
  platform: "neutral",
  target: "es2022",
  sourcemap: false,
} satisfies UserConfig;

export default defineConfig([
  ...Object.entries(entries).map(([name, path], index) => ({
    ...shared,
    entry: { [name]: path },
    dts: true,
    // A room can be disposed of; users may not have named the library that says what that is.
    banner: { dts: '/// <reference lib="esnext.disposable" />' },
    clean: index === 0,
    plugins: name === "media" ? [{ name: "client", resolveId: clientOfMedia }] : [],
  })),
  // The file of the worker and the worklets is run as it is, by no bundler.
  {
    ...shared,
    entry: { "media-worker": "src/media/worker.ts" },
    dts: false,
    clean: false,
    minify: true,
  },
]);

function clientOfMedia(path: string): { id: string; external: true } | undefined {
  return path.endsWith("/client/index.ts") && path.startsWith("../")
    ? { id: "./client.js", external: true }
    : undefined;
}
