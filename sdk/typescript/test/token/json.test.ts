// The strict reader of JSON: what the platform's own does not see.

import { expect, test } from "vitest";
import { plain, readJson, write } from "../../src/token/json.ts";

test("a name that comes twice is kept, also when one is written with escapes", () => {
  expect(readJson('{"a":1,"\\u0061":2}')).toEqual({
    members: [
      ["a", 1],
      ["a", 2],
    ],
  });
});

test("an unsigned integer keeps every digit up to 64 bits", () => {
  expect(readJson("9007199254740991")).toBe(9_007_199_254_740_991);
  expect(readJson("9007199254740992")).toBe(9_007_199_254_740_992n);
  expect(readJson("9007199254740993")).toBe(9_007_199_254_740_993n);
  expect(readJson("18446744073709551615")).toBe(18_446_744_073_709_551_615n);
});

test("a number with a sign, a fraction, an exponent or too many digits is no integer", () => {
  for (const text of [
    "-1",
    "-0",
    "1.0",
    "1e3",
    "1E0",
    "0.5",
    "18446744073709551616",
    "99999999999999999999999",
  ]) {
    expect(readJson(text), text).toBeNaN();
  }
});

test("what is not JSON is refused", () => {
  const bad = [
    "",
    " ",
    "{",
    "[1,]",
    '{"a":1,}',
    "01",
    "+1",
    "NaN",
    "nul",
    "'a'",
    '{"a"}',
    "1 2",
    '"\n"',
    "\ufeff{}",
    "[1\u00a0]",
  ];
  for (const text of bad) expect(readJson(text), JSON.stringify(text)).toBeUndefined();
  for (const text of ['"\\ud800"', '{"\\udc00":1}']) expect(readJson(text), text).toBeUndefined();
});

test("bytes that are not UTF-8, or begin with a mark, are refused", () => {
  for (const bytes of [
    [0x22, 0xff, 0x22],
    [0xef, 0xbb, 0xbf, 0x31],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
  ]) {
    expect(readJson(Uint8Array.from(bytes))).toBeUndefined();
  }
  expect(readJson(Uint8Array.from([0x22, 0xc3, 0xa9, 0x22]))).toBe("é");
});

test("texts with brackets, quotes and escapes are read whole", () => {
  const value = { 'a"}': ["{[,:]}", '\\"', "\u2028 é \u{1f3ad}", ""], " ": { "": [] } };
  for (const space of [0, 2, "\t\r\n"]) {
    const json = readJson(JSON.stringify(value, null, space));
    expect(json && plain(json)).toEqual(value);
  }
});

test("nested a thousand deep is read, and never overflows within a token's size", () => {
  expect(readJson(`${"[".repeat(1_500)}${"]".repeat(1_500)}`)).toBeDefined();
});

test("what is written is read back, bigints in digits and absent fields left out", () => {
  expect(write({ a: 18_446_744_073_709_551_615n, b: undefined, c: { d: ["é"] } })).toBe(
    '{"a":18446744073709551615,"c":{"d":["é"]}}',
  );
});
