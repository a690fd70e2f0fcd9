// How much there was in the last second.
import { expect, test } from "vitest";
import { Meter } from "../../../src/media/play/meter.ts";

test("the last second counts, and no more", () => {
  const meter = new Meter();
  for (let ms = 0; ms < 2000; ms += 100) meter.add(2, ms);
  expect(meter.perSecond(1900)).toBe(20);
  expect(meter.perSecond(2500)).toBe(8);
  expect(meter.perSecond(9000)).toBe(0);
});
