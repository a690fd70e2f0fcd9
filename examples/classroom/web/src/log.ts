// What happened, in ten lines; and the code of what was done last, folded.
import acts from "./acts.ts?raw";
import { $, el } from "./dom.ts";
import seat from "./seat.ts?raw";
import talk from "./talk.ts?raw";
import video from "./video.ts?raw";

const LINES_MAX = 10;
const FILES = { "acts.ts": acts, "seat.ts": seat, "talk.ts": talk, "video.ts": video };
const time = new Intl.DateTimeFormat("en", { timeStyle: "medium", hourCycle: "h23" });

/** Adds a line. */
export function log(text: string): void {
  const list = $("log");
  list.append(el("li", el("time", time.format(new Date())), ` ${text}`));
  while (list.children.length > LINES_MAX) list.firstChild?.remove();
}

/** Shows the function of this name, as it is in the page's own source. */
export function showCode(name: string): void {
  for (const [file, text] of Object.entries(FILES)) {
    const block = text.split("\n\n").find(block => block.includes(`function ${name}(`));
    if (!block) continue;
    $("file").textContent = `examples/classroom/web/src/${file}`;
    $("source").textContent = block.trim();
  }
}

/** Does something, shows its code, and says what the relay said if it was refused. */
export async function act(name: string, done: string, run: () => Promise<unknown>): Promise<void> {
  showCode(name);
  try {
    await run();
    log(done);
  } catch (error) {
    log(`refused: ${error instanceof Error ? error.message : error}`);
  }
}
