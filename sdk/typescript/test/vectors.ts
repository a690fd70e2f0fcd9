// The vectors of spec/vectors, read so that no digit of a large integer is lost.

import { readdirSync, readFileSync } from "node:fs";

const folder = new URL("../../../spec/vectors/", import.meta.url);

/** A JSON text; integers that a number cannot hold become bigints. */
export function exact(json: string): unknown {
  type Reviver = (key: string, value: unknown, context: { readonly source: string }) => unknown;
  const revive: Reviver = (_, value, { source }) =>
    typeof value === "number" && /^\d+$/.test(source) && !Number.isSafeInteger(value)
      ? BigInt(source)
      : value;
  return JSON.parse(json, revive as (key: string, value: unknown) => unknown);
}

/** The files of a folder of vectors: all, or one. */
export function vectors<T>(name: string, only = ".json"): T[] {
  const names = readdirSync(new URL(`${name}/`, folder)).filter(file => file.endsWith(only));
  return names.map(file => exact(readFileSync(new URL(`${name}/${file}`, folder), "utf8")) as T);
}
