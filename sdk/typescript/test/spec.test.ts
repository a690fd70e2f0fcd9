// src/spec.ts against the vectors of the wire: what the generator made of the tables holds for real messages.

import { expect, test } from "vitest";
import { CLOSES, GRACE_S_MAX, LIMITS, SUBPROTOCOL, TOKEN_BYTES_MAX, TTL_S_MAX } from "../src/spec.ts";
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
  expect([TOKEN_BYTES_MAX, TTL_S_MAX, GRACE_S_MAX]).toEqual([4_096, 86_400, 300]);
});
