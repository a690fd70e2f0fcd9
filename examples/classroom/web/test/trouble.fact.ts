// What goes wrong in a lesson, and what happens then: kicks, bans, ends of tokens, lost lines, reloads.
import { expect, test } from "vitest";
import { classroom, lesson, newRoom, open, person, press, shows } from "./classroom.ts";

classroom();

test("a kicked student is told, and stays out after a reload", async () => {
  const { teacher, student, user } = await lesson();
  await press(teacher, `Kick ${user}`);
  await shows(student, "why", "You were removed");
  const sockets: string[] = [];
  student.on("websocket", socket => sockets.push(socket.url()));
  await student.reload();
  await shows(student, "why", "You were removed");
  expect(sockets).toEqual([]);
  await shows(teacher, "gone", `${user} was kicked`);
  expect(await teacher.locator("#door li, #members li").count()).toBe(0);
});

test("a banned student gets no token until it is let in again", async () => {
  const { teacher, student, user } = await lesson();
  await press(teacher, `Ban ${user}`);
  await shows(student, "why", "You are banned");
  await shows(teacher, "gone", `${user} was banned`);
  await press(teacher, `Let in again ${user}`);
  await shows(teacher, "log", `Let in again: ${user}`);
  await press(student, "Ask to come in again");
  await student.locator("#class").waitFor();
  expect(new URL(student.url()).pathname.split("/")[3]).toBe(user);
});

test("a student whose token is revoked comes back with a new one", async () => {
  const { teacher, student, user } = await lesson();
  await press(teacher, `Revoke ${user}`);
  await shows(student, "log", "because: revoked");
  await shows(student, "log", "back: ");
  await shows(student, "status", "seated");
});

test("another tab takes the seat over", async () => {
  const { student } = await lesson();
  const opened = student.context().waitForEvent("page");
  await press(student, "Take over in another tab");
  const other = await opened;
  await shows(other, "status", "seated");
  await shows(student, "why", "You are in another tab");
  await press(student, "Take the seat back");
  await shows(student, "status", "seated");
  await shows(other, "why", "You are in another tab");
});

test("a token that ends is renewed by the page's own question", async () => {
  const { student } = await lesson();
  await press(student, "Let my token end");
  await shows(student, "log", "because: asked");
  await shows(student, "log", "no new token");
  await shows(student, "log", "the connection is lost");
  await shows(student, "log", "because: expired");
  await shows(student, "log", "back: ");
  await shows(student, "status", "seated");
});

test("a page whose line is cut comes back and misses nothing", async () => {
  // Somebody else keeps the students' view of the room, and so what happens in it.
  const room = newRoom();
  const { teacher, student } = await lesson(room);
  await open(await person(), room, "student");
  await teacher.locator("#door").getByRole("button", { name: "Admit" }).click();
  // A place in the room's events is known from the login on, which was in the view of those who wait.
  await student.reload();
  await shows(student, "status", "seated");
  await press(student, "Go offline for ten seconds");
  await shows(student, "status", "reconnecting");
  await teacher.keyboard.press("ArrowRight");
  await teacher.getByLabel("To everybody").fill("while you were away");
  await teacher.keyboard.press("Enter");
  await shows(student, "status", "seated");
  await shows(student, "log", "back: ");
  await shows(student, "log", "back: nothing was missed");
  await shows(student, "slide", "2");
  await shows(student, "chat", "while you were away");
});

test("a reloaded page has its seat again", async () => {
  const room = newRoom();
  const { teacher, student, user } = await lesson(room);
  await student.reload();
  await shows(student, "status", "seated");
  await shows(teacher, "members", user);
  await teacher.reload();
  await shows(teacher, "status", "seated");
  const late = await open(await person(), room, "student");
  await shows(late, "wait", "You wait");
  await shows(teacher, "door", "waits");
});
