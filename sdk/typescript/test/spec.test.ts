// src/spec.ts against the vectors of the wire: what the generator made of the tables holds for real messages.

import { expect, test } from "vitest";
import { CLOSES, LIMITS, SUBPROTOCOL, TOKEN_LIMITS } from "../src/spec.ts";
import { vectors } from "./vectors.ts";

test("close codes are those of the vectors", () => {
  const cases = vectors<{ cases: { code: number; reason: string | null; next: string }[] }>(
    "wire",
    "closes.json",
  );
  const told = (cases[0]?.cases ?? []).filter(one => one.reason !== null);
  expect(Object.fromEntries(told.map(({ code, reason, next }) => [code, { reason, next }]))).toEqual(CLOSES);
});

test("limits and the subprotocol are read as numbers and text", () => {
  expect(SUBPROTOCOL).toBe("stagedoor.v1");
  expect(LIMITS.control_bytes_max).toBe(65_536);
  expect(TOKEN_LIMITS).toMatchObject({ token_bytes_max: 4_096, ttl_s_max: 86_400, grace_s_max: 300 });
});
