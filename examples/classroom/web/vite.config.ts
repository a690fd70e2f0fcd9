// How the page is built: stable names, and paths below the page's own, so that the bytes are the same in any folder.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** The SDK's sources, of which the page is built; no package has to be made before. */
const sdk = fileURLToPath(new URL("../../../sdk/typescript/src", import.meta.url));
/** `cargo xtask dev`. */
const relay = process.env["STAGEDOOR_URL"] ?? "http://127.0.0.1:7880";

export default defineConfig({
  base: "./",
  resolve: {
    alias: [
      { find: /^@stagedoor\/sdk\/(\w+)$/, replacement: `${sdk}/$1/index.ts` },
      { find: /^@stagedoor\/sdk\/media\/worker.js/, replacement: `${sdk}/media/worker.ts` },
    ],
  },
  worker: { format: "es", rolldownOptions: { output: { entryFileNames: "media-worker.js" } } },
  build: {
    outDir: process.env["CLASSROOM_DIST"] ?? "dist",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        entryFileNames: "classroom.js",
        chunkFileNames: "[name].js",
        assetFileNames: "classroom[extname]",
      },
    },
  },
  server: { proxy: { "/v1": { target: relay, ws: true }, "/classroom": relay } },
});
