// The file that the worker and the worklets run, `@stagedoor/sdk/media/worker.js`. One file, because a bundler writes a
// small one into the page as a `data:` address, which no policy of ours allows. Imports nothing of the page's.

import type { Opened, Part } from "./carry.ts";
import { startPlaying } from "./play/worker.ts";
import { registerPlay } from "./play/worklet.ts";
import { startPublishing } from "./publish/worker.ts";
import { registerCapture } from "./publish/worklet.ts";

/** What each part does with the port that it is given. */
const PARTS: Partial<Record<Part, (port: MessagePort) => void>> = {
  play: startPlaying,
  publish: startPublishing,
};

const scope = globalThis as unknown as {
  registerProcessor?: unknown;
  onmessage: ((event: MessageEvent<{ part: Part }>) => void) | null;
};

if (scope.registerProcessor) {
  registerCapture();
  registerPlay();
} else {
  scope.onmessage = ({ data, ports: [port] }) => {
    if (!port) return;
    PARTS[data.part]?.(port);
    port.postMessage({ canProcess: "MediaStreamTrackProcessor" in globalThis } satisfies Opened);
  };
}
