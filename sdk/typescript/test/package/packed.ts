// The package as npm packs it, unpacked where a user's project would have it.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A project that has installed the package, and removes itself. */
export interface Project {
  readonly folder: string;
  /** Writes a file of the project. */
  write(name: string, text: string): string;
  [Symbol.dispose](): void;
}

/** This package. */
export const HERE: string = fileURLToPath(new URL("../..", import.meta.url));

/** A new project with the packed package in its node_modules. */
export function installed(): Project {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "stagedoor-package-")));
  execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: HERE });
  const [tarball = ""] = readdirSync(folder);
  const place = join(folder, "node_modules/@stagedoor/sdk");
  mkdirSync(place, { recursive: true });
  // What is in a tarball of npm lies in the folder `package`.
  execFileSync("tar", ["-xzf", join(folder, tarball), "-C", place, "--strip-components=1"]);
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  write("package.json", '{"private":true,"type":"module"}');
  return { folder, write, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}
