// Importing the client does nothing: no global is read, written or called.
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

/** Every global that a page has and a server has not, or that would begin something. */
const WATCHED = [
  ..."window document navigator location self localStorage sessionStorage indexedDB addEventListener".split(
    " ",
  ),
  ..."WebSocket fetch crypto setTimeout setInterval requestAnimationFrame queueMicrotask reportError".split(
    " ",
  ),
];

test("importing on a server touches nothing", async () => {
  const entry = resolve(import.meta.dirname, "../../src/client/index.ts");
  const script = `
    const touched = [];
    for (const name of ${JSON.stringify(WATCHED)}) {
      const before = Object.getOwnPropertyDescriptor(globalThis, name);
      Object.defineProperty(globalThis, name, {
        configurable: true,
        get() {
          if (new Error().stack.includes("/src/")) touched.push(name);
          return before?.get ? before.get.call(globalThis) : before?.value;
        },
      });
    }
    const { connect } = await import(${JSON.stringify(entry)});
    const imported = [...touched];
    // The watch sees what is touched later, so it would have seen it.
    await connect({ url: "ws://127.0.0.1:1/", token: "t" }).catch(() => {});
    console.log(JSON.stringify({ imported, sees: touched.includes("WebSocket") }));
  `;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--no-warnings", "--input-type=module", "-e", script]);
  expect(JSON.parse(stdout)).toEqual({ imported: [], sees: true });
});
