// JSON as it was written: each member of an object in its place, also when two have one name, and no digit of an
// integer lost. Whether a text is JSON at all is left to the platform. Never guesses.

/** An object: its members as written. */
export interface Members {
  readonly members: readonly (readonly [name: string, value: Json])[];
}

/**
 * A value. An unsigned integer in digits alone is a number up to 2^53 - 1 and a bigint up to 2^64 - 1; every other
 * number is `NaN`.
 */
export type Json = null | boolean | number | bigint | string | readonly Json[] | Members;

const TOKEN = /[{}[\]]|"(?:[^"\\]|\\.)*"|[^\s,:{}[\]"]+/g;
/** The largest integer of 64 bits. */
export const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** Whether a value is an object. */
export function isObject(value: Json | undefined): value is Members {
  return (value as Members | null | undefined)?.members !== undefined;
}

/** The value of a whole text, or of its UTF-8; `undefined` where it is not JSON, or has half a surrogate pair. */
export function readJson(from: string | Uint8Array): Json | undefined {
  try {
    const text =
      typeof from === "string"
        ? from
        : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(from);
    JSON.parse(text);
    const tokens = text.match(TOKEN) ?? [];
    let at = 0;
    const next = (): Json => {
      const token = tokens[at++] ?? "";
      if (token === "{") return { members: until("}", () => [next() as string, next()] as const) };
      return token === "[" ? until("]", next) : scalar(token);
    };
    const until = <T>(end: string, item: () => T): T[] => {
      const items: T[] = [];
      while (tokens[at] !== end) items.push(item());
      at++;
      return items;
    };
    return next();
  } catch {
    return undefined;
  }
}

/** The object that a whole text, or its UTF-8, is; `undefined` where it is not one. */
export function readObject(from: string | Uint8Array): Members | undefined {
  const json = readJson(from);
  return isObject(json) ? json : undefined;
}

/** A text, a word or a number. */
function scalar(token: string): Json {
  if (!/^\d+$/.test(token)) {
    const value: null | boolean | number | string = JSON.parse(token);
    if (typeof value === "string" && /\p{Cs}/u.test(value)) throw new SyntaxError();
    return typeof value === "number" ? Number.NaN : value;
  }
  const value = BigInt(token);
  return value > U64_MAX ? Number.NaN : value > Number.MAX_SAFE_INTEGER ? value : Number(value);
}

/** A value as the language has it. Only for one that names nothing twice. */
export function plain(value: Json): unknown {
  if (Array.isArray(value)) return value.map(plain);
  return isObject(value) ? Object.fromEntries(value.members.map(([name, one]) => [name, plain(one)])) : value;
}

/** A value of the language as JSON; bigints in digits, absent fields left out. */
export function write(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, one]) => one !== undefined);
  return `{${fields.map(([name, one]) => `${JSON.stringify(name)}:${write(one)}`).join()}}`;
}
