// The entry `@stagedoor/sdk/media`: cameras, microphones and canvases into a room, and onto the page. For browsers.

export type { Carried } from "./carry.ts";
export { type MediaCode, MediaError } from "./error.ts";
export { type AudioLevel, type LocFault, type MediaFrame, readLoc, writeLoc } from "./loc.ts";
export { type MediaMeta, readMeta, writeMeta } from "./meta.ts";
