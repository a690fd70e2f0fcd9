// A lesson from line to line: two browsers, one that teaches and one that attends.
import { expect, test } from "vitest";
import { classroom, lesson, newRoom, open, origin, person, press, shows } from "./classroom.ts";

classroom();

test("the page opens on one sentence, two ways in and a room in the address", async () => {
  const context = await person();
  const page = await context.newPage();
  await page.goto(origin());
  await page.getByText("Open this page twice").waitFor();
  const room = await page.locator("#name").textContent();
  expect(new URL(page.url()).pathname).toBe(`/room/${room}`);
  const opened = context.waitForEvent("page");
  await page.getByRole("link", { name: "I attend (new tab)" }).click();
  const student = await opened;
  await shows(student, "wait", "You wait at the door");
  await page.getByRole("link", { name: "I teach" }).click();
  await shows(page, "door", "student-1 waits");
  expect(new URL(student.url()).pathname).toBe(`/room/${room}/student-1`);
});

test("a path that is malformed is a new room, and the page is painted soon", async () => {
  const page = await open(await person(), newRoom());
  await page.goto(`${origin()}/room/%E0%A4%A/x`);
  await page.getByText("Open this page twice").waitFor();
  const [paint] = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint"));
  console.log(`first paint: ${Math.round(paint?.startTime ?? 0)} ms`);
  expect(paint?.startTime).toBeLessThan(2000);
});

test("a student waits until a teacher admits or declines it", async () => {
  const room = newRoom();
  const { teacher, user } = await lesson(room);
  await shows(teacher, "members", `${user} student`);
  const second = await open(await person(), room, "student");
  await shows(second, "wait", "You wait");
  await teacher.locator("#door").getByRole("button", { name: "Decline" }).click();
  await shows(second, "why", "You were not let in");
  await shows(second, "because", "4310 declined");
});

test("students write to the teachers, and teachers to everybody", async () => {
  const room = newRoom();
  const { teacher, student, user } = await lesson(room);
  const other = await open(await person(), room, "student");
  await teacher.locator("#door").getByRole("button", { name: "Admit" }).click();
  await shows(other, "status", "seated");
  await student.getByLabel("To the teachers").fill("a question");
  await student.keyboard.press("Enter");
  await shows(teacher, "chat", `${user} a question`);
  await teacher.getByLabel("To everybody").fill("an answer");
  await teacher.keyboard.press("Enter");
  for (const page of [student, other]) await shows(page, "chat", "teacher an answer");
  expect(await other.locator("#chat").textContent()).not.toContain("question");
});

test("the slide is turned by arrow keys, and a late student has it at once", async () => {
  const room = newRoom();
  const { teacher, student } = await lesson(room);
  await teacher.keyboard.press("ArrowRight");
  await Promise.all([shows(student, "slide", "2"), shows(teacher, "slide", "2")]);
  await teacher.keyboard.press("ArrowRight");
  await shows(student, "slide", "3");
  await student.keyboard.press("ArrowLeft");
  expect(await student.locator("#next").isDisabled()).toBe(true);
  const late = await open(await person(), room, "student");
  await teacher.locator("#door").getByRole("button", { name: "Admit" }).click();
  await shows(late, "slide", "3");
  // Keys of those who write turn nothing.
  await teacher.getByLabel("To everybody").press("ArrowLeft");
  await teacher.keyboard.press("Tab");
  await teacher.keyboard.press("ArrowLeft");
  await shows(late, "slide", "2");
});

test("a raised hand leads to the board and back without a reconnect", async () => {
  const { teacher, student, user } = await lesson();
  const sockets: string[] = [];
  student.on("websocket", socket => sockets.push(socket.url()));
  const camera = student.locator("#camera");
  expect(await camera.isDisabled()).toBe(true);
  await press(student, "Raise hand");
  await shows(teacher, "hands", `${user} raises a hand`);
  await press(teacher, `To the board ${user}`);
  await shows(teacher, "members", `${user} presenter`);
  await shows(student, "log", "you are presenter now: promoted by teacher");
  expect(await camera.isDisabled()).toBe(false);
  await camera.click();
  await teacher.locator("#pictures figure").filter({ hasText: user }).waitFor();
  await press(teacher, `Mute ${user}`);
  await shows(student, "log", "you are presenter now: muted by teacher");
  await teacher.locator("#pictures figure").filter({ hasText: user }).waitFor({ state: "detached" });
  await press(teacher, `Unmute ${user}`);
  await shows(student, "log", "unmuted by teacher");
  await press(teacher, `Back ${user}`);
  await shows(student, "log", "you are student now: demoted by teacher");
  expect(await camera.isDisabled()).toBe(true);
  expect(sockets).toEqual([]);
});

test("hands are shown in the order in which they were raised", async () => {
  const room = newRoom();
  const { teacher, student, user } = await lesson(room);
  const other = await open(await person(), room, "student");
  await teacher.locator("#door").getByRole("button", { name: "Admit" }).click();
  await shows(other, "status", "seated");
  await press(other, "Raise hand");
  await shows(teacher, "hands", "raises a hand");
  await press(student, "Raise hand");
  await shows(teacher, "hands", user);
  const first = new URL(other.url()).pathname.split("/")[3] ?? "";
  expect(await teacher.locator("#hands b").allTextContents()).toEqual([first, user]);
  await press(teacher, `Not now ${first}`);
  await shows(other, "log", "your hand is down: declined");
});

test("what is forbidden is refused with the relay's own words", async () => {
  const { teacher, student } = await lesson();
  const told = async (page: typeof teacher, name: string) => {
    const row = page.locator("#forbidden li").filter({ hasText: name });
    await row.getByRole("button").click();
    await row.locator("output").filter({ hasText: /./ }).waitFor();
    return [await row.getAttribute("class"), await row.locator("output").textContent()] as const;
  };
  for (const [name, code, rule] of [
    ["Publish a screen", "publish_denied", "publish.streams"],
    ["Message everybody", "send_denied", "send.room"],
    ["Kick the teacher", "moderate_denied", "moderate"],
  ] as const) {
    const [colour, words] = await told(student, name);
    expect(colour).toBe("refused");
    expect(words).toContain(`${code}: `);
    expect(words).toContain(`\`${rule}\``);
  }
  for (const name of ["Kick the teacher", "Ask for the board", "Make yourself a student"]) {
    expect((await told(teacher, name))[0]).toBe("refused");
  }
});

test("the panel shows the token and what the member may do", async () => {
  const { teacher, student, user } = await lesson();
  await shows(student, "claims", user);
  await shows(student, "ends", "It ends in");
  const may = async (page: typeof teacher, act: string) =>
    page.locator("#grants tr").filter({ hasText: act }).locator("td").textContent();
  expect(await may(student, "publish a picture")).toBe("no");
  expect(await may(student, "message everybody")).toBe("no");
  expect(await may(student, "message the teachers")).toBe("yes");
  expect(await may(teacher, "message everybody")).toBe("yes");
  expect(await may(teacher, "ask for the board")).toBe("no");
  await press(student, "Raise hand");
  await press(teacher, `To the board ${user}`);
  await shows(student, "log", "you are presenter now");
  expect(await may(student, "publish a picture")).toBe("yes");
});

test("the code of what was done last is there, folded", async () => {
  const { teacher } = await lesson();
  await teacher.getByText("The code that did it").click();
  await shows(teacher, "source", "export async function admit(room: Room, user: string)");
  await shows(teacher, "file", "examples/classroom/web/src/acts.ts");
});
