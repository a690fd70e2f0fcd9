// Looks at the pages of a running server in a real Chromium, and says what it saw. Reads
// { url, app, api_key, operations, screenshots? } as JSON from standard input; answers with JSON.
import { createHash } from "node:crypto";
import { accessSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.STAGEDOOR_NODE_MODULES, "here.js"));
const { chromium } = require("playwright-core");
const asked = JSON.parse(readFileSync(0, "utf8"));

function onPath(program) {
  const found = process.env.PATH.split(path.delimiter).map((folder) => path.join(folder, program));
  return found.find((file) => {
    try {
      accessSync(file);
      return true;
    } catch {
      return false;
    }
  });
}

// Debian's Chromium refuses to sandbox what root runs, as CI does.
const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
const browser = await chromium.launch({ executablePath: onPath("chromium"), args });

/** A page of its own profile, of which everything that must not happen is noted. */
async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const noted = { console: [], violations: [], elsewhere: [] };
  await page.exposeFunction("noteViolation", (text) => noted.violations.push(text));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      globalThis.noteViolation(`${event.violatedDirective}: ${event.blockedURI}`);
    });
  });
  // Of the field for an OAuth client's secret, which Swagger UI draws outside of a form.
  const known = "[DOM] Password field is not contained in a form";
  page.on("console", (message) => {
    if (!message.text().startsWith(known)) noted.console.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => noted.console.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const of = new URL(request.url());
    if (of.origin !== asked.url && !["data:", "blob:"].includes(of.protocol)) {
      noted.elsewhere.push(request.url());
    }
  });
  return { context, page, noted };
}

/** Whether a text is anywhere where it outlives the page. */
async function kept(page, context, text) {
  const stored = await page.evaluate(async () => {
    const databases = await indexedDB.databases();
    const caches_ = "caches" in globalThis ? await caches.keys() : [];
    return JSON.stringify([{ ...localStorage }, { ...sessionStorage }, databases, caches_, document.cookie, location.href, history.state]);
  });
  return stored.includes(text) || JSON.stringify(await context.storageState()).includes(text);
}

async function screenshot(page, name) {
  if (!asked.screenshots) return;
  mkdirSync(asked.screenshots, { recursive: true });
  await page.screenshot({ path: path.join(asked.screenshots, `${name}.png`), fullPage: true });
}

/** The widest thing of a page beyond its window, in pixels. */
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

async function reference() {
  const { context, page, noted } = await open();
  await page.goto(`${asked.url}/reference`);
  await page.locator(".opblock").first().waitFor();
  const listed = await page.locator(".opblock-summary").evaluateAll((rows) =>
    rows.map((row) => {
      const text = (name) => row.querySelector(name)?.textContent.replaceAll("\u200b", "").trim();
      return { method: text(".opblock-summary-method"), path: text(".opblock-summary-path"), summary: text(".opblock-summary-description") };
    }),
  );
  await screenshot(page, "reference-wide-light");

  // The credential, as a reader gives it.
  await page.locator(".auth-wrapper .authorize").click();
  const input = page.locator("#auth-bearer-value");
  const autocomplete = await input.getAttribute("autocomplete");
  await input.fill(asked.api_key);
  await page.locator(".modal-ux .auth-container:has(#auth-bearer-value) button[type=submit]").click();
  const shown_in_dialog = (await page.locator(".modal-ux").innerText()).includes(asked.api_key);
  await page.locator(".modal-ux .btn-done").first().click();

  // One operation: its words, its examples, and a call.
  const block = page.locator("#operations-apps-apps_show");
  await block.locator(".opblock-summary-control").click();
  const words = await block.innerText();
  await block.locator(".try-out__btn").click();
  await block.locator("input[placeholder=app]").fill(String(asked.app));
  await block.locator(".execute").click();
  const status = await block.locator(".live-responses-table .response-col_status").last().innerText();
  const body = await block.locator(".live-responses-table .highlight-code").first().innerText();
  const shown = (await page.locator("body").innerText()).includes(asked.api_key);
  await screenshot(page, "reference-call");

  // One with a body, of which the example is sent as it stands.
  const mint = page.locator("#operations-tokens-tokens_create");
  await mint.locator(".opblock-summary-control").click();
  await mint.locator(".try-out__btn").click();
  await mint.locator("input[placeholder=app]").fill(String(asked.app));
  await mint.locator(".execute").click();
  const minted = await mint.locator(".live-responses-table .response-col_status").last().innerText();
  const outlives = await kept(page, context, asked.api_key);
  await page.reload();
  await page.locator(".opblock").first().waitFor();
  const locked = page.locator(".auth-wrapper .authorize.locked");
  const gone = (await locked.count()) === 0;

  const bundle = await page.locator("script[src$='/swagger-ui-bundle.js']").getAttribute("src");
  const bytes = await (await context.request.get(asked.url + bundle)).body();
  const renderer = createHash("sha256").update(bytes).digest("hex");
  await context.close();
  return { listed, words, autocomplete, shown_in_dialog, shown, status: status.trim(), minted: minted.trim(), body, outlives, gone, renderer, noted };
}

/** What the relay answers to the script of the front page, as it is pasted into the page's console. */
async function join() {
  const { context, page, noted } = await open();
  await page.goto(`${asked.url}/start`);
  const minted = await context.request.post(`${asked.url}/v1/apps/${asked.app}/tokens`, {
    headers: { authorization: `Bearer ${asked.api_key}` },
    data: { room: "lobby", user: "anna", role: "audience" },
  });
  const { token } = await minted.json();
  const script = await page.locator("pre[aria-label=Script]").innerText();
  const answered = page.waitForEvent("websocket").then((socket) => socket.waitForEvent("framereceived"));
  await page.evaluate(script.replace("…", token));
  const { payload } = await answered;
  await context.close();
  return { answer: JSON.parse(payload), noted };
}

/** A page in each of its looks: narrow and wide, light and dark. */
async function looks(name, at, ready) {
  const { context, page, noted } = await open({ reducedMotion: "reduce" });
  await page.goto(asked.url + at);
  await page.locator(ready).first().waitFor();
  const seen = [];
  for (const [width, height] of [[360, 740], [1600, 1000]]) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      // The page's own listener is called before the next frame is drawn.
      await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
      seen.push({ page: `${name} ${width} ${colorScheme}`, overflow: await overflow(page), faint: await page.evaluate(faint) });
      await screenshot(page, `${name}-${width}-${colorScheme}`);
    }
  }
  await context.close();
  return { seen, noted };
}

/** Texts whose contrast is below AA (WCAG 2.2, 1.4.3), of those that stand on plain colors. In the page. */
function faint() {
  const parse = (color) => {
    const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const light = ({ r, g, b }) => {
    const linear = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const over = (top, under) => {
    const mix = (name) => top[name] * top.a + under[name] * (1 - top.a);
    return { r: mix("r"), g: mix("g"), b: mix("b"), a: 1 };
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), matchMedia("(prefers-color-scheme: dark)").matches ? { r: 18, g: 18, b: 18, a: 1 } : { r: 255, g: 255, b: 255, a: 1 });
  };
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility({ opacityProperty: true })) continue;
    const style = getComputedStyle(element);
    const under = ground(element);
    const [a, b] = [light(over(parse(style.color), under)), light(under)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = Number.parseFloat(style.fontSize);
    const is_large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (is_large ? 3 : 4.5)) {
      found.add(`${ratio.toFixed(2)} ${element.tagName.toLowerCase()}.${element.className} ${walker.currentNode.textContent.trim().slice(0, 40)}`);
    }
  }
  return [...found];
}

/** The front page without a script, by keyboard. */
async function front() {
  const { context, page } = await open({ javaScriptEnabled: false });
  await page.goto(`${asked.url}/start`);
  const words = await page.locator("body").innerText();
  const scripts = await page.locator("script").count();
  const links = await page.locator("a").evaluateAll((all) => all.map((a) => a.getAttribute("href")));
  await page.keyboard.press("Tab");
  const focused = await page.evaluate(() => {
    const style = getComputedStyle(document.activeElement);
    return { tag: document.activeElement.tagName, outline: style.outlineStyle !== "none" && style.outlineWidth !== "0px" };
  });
  await context.close();
  return { words, scripts, links, focused };
}

try {
  const answer = {
    reference: await reference(),
    front: await front(),
    join: await join(),
    looks: [await looks("front", "/start", "main"), await looks("reference", "/reference#operations-tokens-tokens_create", ".responses-wrapper")],
  };
  process.stdout.write(JSON.stringify(answer));
} finally {
  await browser.close();
}
