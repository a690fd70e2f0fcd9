// A relay, a browser, and pages of which everything that must not happen is noted.
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { Relay } from "../../../../sdk/typescript/test/client/relay/relay.ts";

/** A page, and what must not happen on it. */
export interface Seen {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly faults: string[];
}

let browser: Browser;
let relay: Relay;
const contexts: BrowserContext[] = [];
const pages: Seen[] = [];

export async function launch(...more: string[]): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM_BIN"] ?? "/usr/bin/chromium",
    // Debian's Chromium refuses to sandbox what root runs, as CI does.
    args: [...(process.getuid?.() === 0 ? ["--no-sandbox"] : []), "--disable-gpu", ...more],
  });
}

/** Both, once for a file. */
export function classroom(...more: string[]): void {
  beforeAll(async () => {
    [browser, relay] = await Promise.all([launch(...more), Relay.start()]);
  });
  afterAll(async () => {
    await Promise.all([browser?.close(), relay?.stop()]);
  });
  afterEach(async () => {
    const faults = pages.splice(0).flatMap(({ faults }) => faults);
    await Promise.all(contexts.splice(0).map(context => context.close()));
    expect(faults).toEqual([]);
  });
}

export const origin = (): string => relay.app.url;

/** A browser of one's own. */
export async function person(
  options: Parameters<Browser["newContext"]>[0] = {},
  permissions: string[] = [],
): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  await context.grantPermissions(permissions);
  contexts.push(context);
  context.on("page", watch);
  return context;
}

/**
 * Chromium says it once of a page that publishes a track while its main thread is held up for long. Every frame that the
 * SDK is given is closed; where this one comes from is not known yet.
 */
const UNCLOSED = "A VideoFrame was garbage collected without being closed";

function watch(page: Page): void {
  const faults: string[] = [];
  pages.push({ page, context: page.context(), faults });
  // Of a page that is closed already nothing can be said.
  page.exposeFunction("noteViolation", (text: string) => faults.push(text)).catch(() => {});
  page
    .addInitScript(() => {
      document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
        (globalThis as unknown as { noteViolation(text: string): void }).noteViolation(
          `${violatedDirective}: ${blockedURI}`,
        );
      });
    })
    .catch(() => {});
  page.on("console", message => {
    if (message.text().startsWith(UNCLOSED)) return;
    faults.push(`${new URL(page.url()).pathname}: ${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", error => faults.push(`${page.url()}: ${error.message}`));
  page.on("request", request => {
    const { origin: from, protocol } = new URL(request.url());
    if (from !== origin() && !["data:", "blob:", "ws:"].includes(protocol)) faults.push(request.url());
  });
  page.on("websocket", socket => {
    if (socket.url() !== `${origin().replace("http", "ws")}/v1/connect`) faults.push(socket.url());
  });
}

let rooms = 0;
/** A room that no other fact has. */
export const newRoom = (): string => `room-${++rooms}`;

/** A page of the classroom, at its address. */
export async function open(context: BrowserContext, ...parts: string[]): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${origin()}/room/${parts.map(encodeURIComponent).join("/")}`);
  return page;
}

/** One that teaches and one that attends, admitted, each in a browser of its own. */
export async function lesson(
  room: string = newRoom(),
): Promise<{ teacher: Page; student: Page; user: string }> {
  const teacher = await open(await person(), room, "teacher");
  await shows(teacher, "status", "seated");
  const student = await open(await person(), room, "student");
  await shows(student, "wait", "You wait");
  const user = decodeURIComponent(new URL(student.url()).pathname.split("/")[3] ?? "");
  await press(teacher, `Admit ${user}`);
  await shows(student, "status", "seated");
  return { teacher, student, user };
}

/** Waits until an element is to be seen with a text. */
export async function shows(page: Page, id: string, text: string): Promise<void> {
  await page.locator(`#${id}`).filter({ hasText: text, visible: true }).waitFor();
}

export async function press(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name, exact: true }).click();
}
