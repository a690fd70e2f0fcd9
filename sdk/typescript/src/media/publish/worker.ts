// The worker's part of publishing: one picture or one sound, and the tick of both. A worker's timers go on in a page
// that the browser holds back.
import { Picture, TICK_MS } from "./picture.ts";
import type { ToPage, ToWorker } from "./protocol.ts";
import { Sound } from "./sound.ts";

/** Ticks from one report to the next. */
const TICKS_PER_STATS = 10;

/** Publishes what comes by the port, until the page says that it is enough. */
export function startPublishing(port: MessagePort): void {
  const say = (said: ToPage, transfer: Transferable[] = []) => port.postMessage(said, transfer);
  let part: Picture | Sound | undefined;
  let ticks = 0;
  const timer = setInterval(() => {
    part?.tick();
    ticks += 1;
    if (part && ticks % TICKS_PER_STATS === 0) say(part.stats());
    say({ is: "tick" });
  }, TICK_MS);
  port.onmessage = ({ data }: MessageEvent<ToWorker | { readonly is: "end" }>) => {
    if (data.is === "video") part = new Picture(data, say);
    else if (data.is === "audio") part = new Sound(data.config, say);
    else if (data.is === "end") {
      clearInterval(timer);
      part?.end();
      port.close();
    } else part?.hear(data);
  };
}
