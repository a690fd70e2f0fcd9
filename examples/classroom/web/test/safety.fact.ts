// What must hold on every view of the page: nothing of strangers becomes markup, no axe finding, no fault at 360 px.
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { classroom, lesson, newRoom, open, origin, person, press, shows } from "./classroom.ts";

classroom();

const axe = createRequire(import.meta.url).resolve("axe-core");
const MARKUP = `<img src=x onerror="document.title='gone'"><b id=bold>bold</b>`;

/** What axe finds, and what is wider than the window; in light and dark. */
async function found(page: Page): Promise<string[]> {
  const faults: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    // By the protocol, not by a script element, which the page's policy refuses.
    await page.evaluate(await import("node:fs").then(fs => fs.readFileSync(axe, "utf8")));
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Found[] }> } };
      interface Found {
        id: string;
        nodes: { html: string }[];
      }
      const { violations } = await axe.run();
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
    });
    faults.push(...violations);
  }
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  return wide > 0 ? [...faults, `${wide} px too wide`] : faults;
}

test("axe finds nothing, and nothing is too wide, on any view", async () => {
  const narrow = { viewport: { width: 360, height: 740 } };
  const opening = await open(await person(narrow), newRoom());
  await shows(opening, "opening", "I teach");
  expect(await found(opening)).toEqual([]);
  const room = newRoom();
  const { teacher, student, user } = await lesson(room);
  await press(student, "Raise hand");
  await shows(teacher, "hands", "raises a hand");
  await student.locator("#forbidden button").first().click();
  await shows(student, "forbidden", "publish_denied");
  const waiting = await open(await person(narrow), room, "student");
  await shows(teacher, "door", "waits");
  await teacher.getByText("The code that did it").click();
  for (const page of [teacher, student, waiting]) {
    expect(await found(page)).toEqual([]);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await found(page)).toEqual([]);
  }
  await press(teacher, `Kick ${user}`);
  await shows(student, "why", "You were removed");
  expect(await found(student)).toEqual([]);
});

test("markup in a room's name and in a message is shown as text", async () => {
  const room = `r-${MARKUP}`.slice(0, 100);
  const { teacher, student } = await lesson(room);
  await shows(student, "where", "<img src=x");
  await student.getByLabel("To the teachers").fill(MARKUP);
  await student.keyboard.press("Enter");
  await shows(teacher, "chat", MARKUP);
  await teacher.getByLabel("To everybody").fill(MARKUP);
  await teacher.keyboard.press("Enter");
  await shows(student, "chat", MARKUP);
  for (const page of [teacher, student]) {
    expect(await page.locator("#bold, img").count()).toBe(0);
    expect(await page.title()).toContain("Stagedoor");
  }
  const opening = await open(await person(), room);
  await shows(opening, "name", "<img src=x");
});

test("no token is in an address or a storage", async () => {
  const { teacher, student } = await lesson();
  for (const page of [teacher, student]) {
    const kept = await page.evaluate(() =>
      JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]),
    );
    expect(kept).not.toContain("eyJ");
  }
});

test("a lesson is held with the keyboard alone", async () => {
  const room = newRoom();
  const teacher = await open(await person(), room, "teacher");
  await shows(teacher, "status", "seated");
  const student = await open(await person(), room, "student");
  await shows(teacher, "door", "waits");
  const focus = (page: Page) => page.evaluate(() => document.activeElement?.textContent ?? "");
  for (let tabs = 0; (await focus(teacher)) !== "Admit" && tabs < 40; tabs += 1)
    await teacher.keyboard.press("Tab");
  await teacher.keyboard.press("Enter");
  await shows(student, "status", "seated");
  for (let tabs = 0; (await focus(student)) !== "Raise hand" && tabs < 40; tabs += 1)
    await student.keyboard.press("Tab");
  await student.keyboard.press("Space");
  await shows(teacher, "hands", "raises a hand");
});

test("the other pages of the binary say nothing to the console", async () => {
  const page = await (await person()).newPage();
  await page.goto(`${origin()}/start`);
  await page.getByText("What to do next").waitFor();
  expect(await found(page)).toEqual([]);
  await page.goto(`${origin()}/reference`);
  await page.locator(".opblock").first().waitFor();
});
