// Pictures of the main pages, light and dark, wide and at 360 px, into `target/screenshots`: a lesson with a student at
// the board and one that waits. Needs the binary and Chromium, as the facts do.
import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { Relay } from "../../../../sdk/typescript/test/client/relay/relay.ts";

const into = resolve(import.meta.dirname, "../../../../target/screenshots");
const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 360, height: 740 };
const ROOM = "algebra";

const relay = await Relay.start();
const browser = await chromium.launch({
  executablePath: process.env["CHROMIUM_BIN"] ?? "/usr/bin/chromium",
  args: [...(process.getuid?.() === 0 ? ["--no-sandbox"] : []), "--disable-gpu"],
});

async function open(...parts: string[]): Promise<Page> {
  const context: BrowserContext = await browser.newContext({ viewport: WIDE, reducedMotion: "reduce" });
  const page = await context.newPage();
  await page.goto(`${relay.app.url}/${parts.join("/")}`);
  return page;
}

async function look(page: Page, name: string): Promise<void> {
  for (const [size, viewport] of Object.entries({ wide: WIDE, narrow: NARROW })) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await page.evaluate(
        () => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn))),
      );
      await page.screenshot({ path: `${into}/${name}-${size}-${colorScheme}.png`, fullPage: true });
    }
  }
  await page.setViewportSize(WIDE);
}

const press = (page: Page, name: string | RegExp) => page.getByRole("button", { name }).first().click();
const seated = (page: Page) => page.locator("#status").filter({ hasText: "seated" }).waitFor();
const moving = (page: Page, user: string) =>
  page.locator("figure").filter({ hasText: user }).filter({ hasText: "ms behind" }).waitFor();

try {
  await mkdir(into, { recursive: true });
  const opening = await open("room", ROOM);
  await opening.locator("#opening").waitFor();
  await look(opening, "classroom-opening");
  const teacher = await open("room", ROOM, "teacher");
  await seated(teacher);
  const student = await open("room", ROOM, "student");
  await press(teacher, /^Admit/);
  await seated(student);
  await student.getByLabel("To the teachers").fill("Why is it never zero?");
  await student.keyboard.press("Enter");
  await press(student, "Raise hand");
  await press(teacher, /^To the board/);
  await press(student, "Camera");
  await moving(teacher, "student-1");
  await moving(student, "teacher");
  const waiting = await open("room", ROOM, "student");
  await teacher.locator("#door li").waitFor();
  await press(student, "Publish a screen");
  await press(student, "Kick the teacher");
  await teacher.getByLabel("To everybody").fill("Look at the denominator.");
  await teacher.keyboard.press("Enter");
  await teacher.getByText("The code that did it").click();
  await look(teacher, "classroom-teacher");
  await look(student, "classroom-student");
  await look(waiting, "classroom-waiting");
  await press(teacher, /^Kick student-1/);
  await student.locator("#out").waitFor();
  await look(student, "classroom-removed");
} finally {
  await Promise.all([browser.close(), relay.stop()]);
}
