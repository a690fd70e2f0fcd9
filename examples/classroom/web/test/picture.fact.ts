// Pictures from one page to the other, with and without a camera, by the relay's leave.
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { classroom, lesson, newRoom, open, person, press, shows } from "./classroom.ts";

classroom("--use-fake-device-for-media-stream=fps=30", "--use-fake-ui-for-media-stream");

/** How large the picture of somebody is, and a number for what is on it; nothing before there is one. */
function picture(page: Page, user: string): Promise<{ width: number; height: number; hash: number }> {
  return page.evaluate(user => {
    const canvas = document.querySelector<HTMLCanvasElement>(`canvas[aria-label="Picture: ${user}"]`);
    const copy = document.createElement("canvas");
    const pen = copy.getContext("2d");
    copy.width = copy.height = 64;
    if (canvas?.width) pen?.drawImage(canvas, 0, 0, 64, 64);
    let hash = 0;
    for (const value of pen?.getImageData(0, 0, 64, 64).data ?? []) hash = (hash * 31 + value) | 0;
    return { width: canvas?.width ?? 0, height: canvas?.height ?? 0, hash };
  }, user);
}

/** Waits until the picture of somebody has changed twice; how large it is. */
async function moves(page: Page, user: string): Promise<[number, number]> {
  const seen = new Set<number>();
  for (;;) {
    const { width, height, hash } = await picture(page, user);
    if (hash) seen.add(hash);
    if (seen.size > 2) return [width, height];
    // A picture on a canvas tells nobody that it has changed, and to look all the time would hold it up.
    await page.waitForTimeout(100);
  }
}

test("a student that is admitted sees the camera of who teaches", async () => {
  const { teacher, student } = await lesson();
  const before = performance.now();
  const [width, height] = await moves(student, "teacher");
  // Of the large layer or of the small one: the machine may be busy.
  expect([720, 180]).toContain(height);
  expect(width).toBe((height * 16) / 9);
  console.log(`from seated to moving: ${Math.round(performance.now() - before)} ms`);
  const caption = (page: Page) => page.locator("figcaption").first();
  await caption(student)
    .filter({ hasText: /\d+×\d+, \d+ fps, \d+ kbit\/s, \d+ ms behind/ })
    .waitFor();
  await caption(teacher)
    .filter({ hasText: /1280×720, avc1\.\w+, [1-9]\d* fps, [1-9]\d* kbit\/s, somebody reads it/ })
    .waitFor();
  console.log(await caption(student).textContent(), await caption(teacher).textContent());
});

test("a picture that nobody reads is not encoded", async () => {
  const teacher = await open(await person(), newRoom(), "teacher");
  await teacher.locator("figcaption").filter({ hasText: "nobody reads it, so nothing is encoded" }).waitFor();
  await teacher.locator("figcaption").filter({ hasText: ", 0 fps, 0 kbit/s" }).waitFor();
});

test("a presenter is seen by all, and a mute stops it at the relay", async () => {
  const room = newRoom();
  const { teacher, student, user } = await lesson(room);
  const other = await open(await person(), room, "student");
  await teacher.locator("#door").getByRole("button", { name: "Admit" }).click();
  await shows(other, "status", "seated");
  await press(student, "Raise hand");
  await press(teacher, `To the board ${user}`);
  await shows(student, "log", "you are presenter now");
  await press(student, "Camera");
  for (const page of [teacher, other]) await moves(page, user);
  await press(teacher, `Mute ${user}`);
  for (const page of [teacher, other]) {
    await page.getByLabel(`Picture: ${user}`).waitFor({ state: "detached" });
  }
  await student
    .locator("figcaption")
    .filter({ hasText: /^You muted: the relay/ })
    .waitFor();
  await press(teacher, `Unmute ${user}`);
  for (const page of [teacher, other]) await moves(page, user);
  await press(teacher, `Back ${user}`);
  for (const page of [teacher, other]) {
    await page.getByLabel(`Picture: ${user}`).waitFor({ state: "detached" });
  }
  expect(await student.locator("figure").filter({ hasText: "You" }).count()).toBe(0);
});

test("sound is off until it is pressed", async () => {
  const { teacher, student } = await lesson();
  await moves(student, "teacher");
  expect(await teacher.locator("#sound").getAttribute("aria-pressed")).toBe("false");
  await press(teacher, "Sound");
  await shows(teacher, "log", "your sound is published");
  expect(await teacher.locator("#sound").getAttribute("aria-pressed")).toBe("true");
  await press(teacher, "Sound");
  expect(await teacher.locator("#sound").getAttribute("aria-pressed")).toBe("false");
});
