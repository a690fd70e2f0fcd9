// The package as its users have it: packed, installed, typed under each TypeScript and resolution, and built into a
// page by each bundler.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import * as esbuild from "esbuild";
import { rollup } from "rollup";
import { build as vite } from "vite";
import { afterAll, expect, test } from "vitest";
import webpack from "webpack";
import manifest from "../../package.json" with { type: "json" };
import { HERE, installed } from "./packed.ts";

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const project = installed();
afterAll(() => project[Symbol.dispose]());

/** Every entry by its name, as `token`; not the file that a worker runs. */
const entries = Object.keys(manifest.exports)
  .filter(entry => !/\.js(on)?$/.test(entry))
  .map(entry => entry.slice(2));

const imports = entries.map(entry => `import * as ${entry} from "@stagedoor/sdk/${entry}";`).join("\n");
const page = project.write(
  "page.ts",
  `${imports}
const key = await token.Key.hs256({ app: 7, kid: "k", secret: new Uint8Array(32) });
const text = await token.mint(key, { room: "lobby", sub: "ann", role: "host" });
const claims = await token.verify(text, new token.Keys([key]), { room: "lobby" });
const names = Object.keys({ ${entries.map(entry => `...${entry}`).join(", ")} });
(globalThis as unknown as { said: unknown }).said = \`\${claims.sub} \${names.length > 8}\`;
console.log((globalThis as unknown as { said: unknown }).said);
`,
);

/** What a built page says when Node runs it. */
async function said(bundle: string): Promise<string> {
  return (await run(process.execPath, [join(project.folder, bundle)])).stdout.trim();
}

test("esbuild builds it into a page", async () => {
  const outfile = join(project.folder, "esbuild.mjs");
  await esbuild.build({
    entryPoints: [page],
    bundle: true,
    minify: true,
    format: "esm",
    outfile,
    logLevel: "error",
  });
  expect(await said("esbuild.mjs")).toBe("ann true");
});

test("Vite builds it into a page", async () => {
  const lib = { entry: page, formats: ["es" as const], fileName: "vite" };
  const build = { lib, outDir: ".", emptyOutDir: false, minify: true };
  await vite({ root: project.folder, configFile: false, logLevel: "error", build });
  expect(await said("vite.js")).toBe("ann true");
});

test("Vite and webpack carry the worker's file as a file, not as text in the page", async () => {
  const entry = project.write(
    "carry.mjs",
    `import { publishTrack } from "@stagedoor/sdk/media"; console.log(publishTrack);`,
  );
  const outDir = join(project.folder, "carried-vite");
  const rolldownOptions = { input: entry };
  await vite({
    root: project.folder,
    configFile: false,
    logLevel: "error",
    build: { outDir, rolldownOptions },
  });
  const path = join(project.folder, "carried-webpack");
  const compiler = webpack({ mode: "production", context: project.folder, entry, output: { path } });
  await promisify((compiler as webpack.Compiler).run.bind(compiler as webpack.Compiler))();
  for (const folder of [outDir, path]) {
    const { stdout } = await run("find", [folder, "-type", "f"]);
    const texts = stdout
      .trim()
      .split("\n")
      .map(file => readFileSync(file, "utf8"));
    const [worker, ...more] = texts.filter(text => text.includes("registerProcessor("));
    expect([texts.length, worker?.includes("publishTrack"), more], folder).toEqual([2, false, []]);
    expect(texts.filter(text => /["'`](data|blob):/.test(text)).length, folder).toBe(0);
  }
});

test("Rollup builds it into a page", async () => {
  const { outputFiles } = await esbuild.build({ entryPoints: [page], format: "esm", write: false });
  const plain = project.write("page.mjs", outputFiles[0]?.text ?? "");
  const bundle = await rollup({ input: plain, plugins: [nodeResolve()] });
  await bundle.write({ file: join(project.folder, "rollup.mjs"), format: "es", inlineDynamicImports: true });
  expect(await said("rollup.mjs")).toBe("ann true");
});

test("webpack builds it into a page", async () => {
  const { outputFiles } = await esbuild.build({ entryPoints: [page], format: "esm", write: false });
  const compiler = webpack({
    mode: "production",
    context: project.folder,
    entry: project.write("webpack-page.mjs", outputFiles[0]?.text ?? ""),
    experiments: { outputModule: true },
    output: { path: project.folder, filename: "webpack.mjs", module: true },
  });
  if (!compiler) throw new Error("webpack made no compiler");
  const stats = await promisify(compiler.run.bind(compiler))();
  expect(stats?.toJson({ all: false, errors: true, warnings: true })).toMatchObject({
    errors: [],
    warnings: [],
  });
  expect(await said("webpack.mjs")).toBe("ann true");
});

const compilers = ["typescript-5.7", "typescript", "typescript-7"];
const resolutions = [
  ["bundler", "ESNext"],
  ["nodenext", "NodeNext"],
] as const;

test.concurrent.for(
  compilers.flatMap(compiler => resolutions.map(([name, module]) => [compiler, name, module] as const)),
)("its declarations compile with %s and %s", async ([compiler, moduleResolution, module], { expect }) => {
  const config = project.write(
    `tsconfig.${compiler}.${moduleResolution}.json`,
    JSON.stringify({
      compilerOptions: {
        target: "ES2022",
        lib: ["ES2022", "DOM"],
        types: [],
        module,
        moduleResolution,
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        noEmit: true,
      },
      files: ["page.ts"],
    }),
  );
  const tsc = join(dirname(require.resolve(`${compiler}/package.json`)), "bin/tsc");
  const { stdout } = await run(process.execPath, [tsc, "-p", config]).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout).toBe("");
});

test("the code of the README compiles", async () => {
  const blocks = readFileSync(join(HERE, "README.md"), "utf8").matchAll(/^```ts\n(.*?)^```$/gms);
  const files = [...blocks].map(([, code = ""], at) => basename(project.write(`readme-${at}.ts`, code)));
  expect(files.length).toBeGreaterThan(1);
  const compilerOptions = {
    target: "ES2022",
    lib: ["ES2022", "DOM"],
    types: [],
    module: "NodeNext",
    strict: true,
    noEmit: true,
  };
  const config = project.write("tsconfig.readme.json", JSON.stringify({ compilerOptions, files }));
  const tsc = join(dirname(require.resolve("typescript-7/package.json")), "bin/tsc");
  const { stdout } = await run(process.execPath, [tsc, "-p", config]).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout).toBe("");
});

test("it brings no dependency, and nothing but what is built", async () => {
  expect(manifest).not.toHaveProperty("dependencies");
  const { stdout } = await run("find", [join(project.folder, "node_modules/@stagedoor/sdk"), "-type", "f"]);
  const files = stdout
    .trim()
    .split("\n")
    .map(file => file.split("@stagedoor/sdk/")[1]);
  expect(
    files.filter(file => !/^(README\.md|package\.json|dist\/[\w.-]+\.(js|d\.ts))$/.test(file ?? "")),
  ).toEqual([]);
});
