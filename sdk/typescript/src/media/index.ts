// The entry `@stagedoor/sdk/media`: cameras, microphones and canvases into a room, and onto the page. For browsers.

export type { Carried } from "./carry.ts";
export { type MediaCode, MediaError } from "./error.ts";
export { type MediaMeta, readMeta, writeMeta } from "./meta.ts";
export type { Latency } from "./play/jitter.ts";
export type { LayerWhy } from "./play/layer.ts";
export type { PlayerEvents, PlayerStats, PlayOptions } from "./play/options.ts";
export type { Wish } from "./play/pick.ts";
export { type Player, play } from "./play/player.ts";
export type { PlayerState } from "./play/state.ts";
export type { VideoCodec } from "./publish/codec.ts";
export type { Limit } from "./publish/control.ts";
export { type Device, type Devices, type DevicesEvents, devices } from "./publish/devices.ts";
export type { Layer } from "./publish/layers.ts";
export type { MediaPublisher } from "./publish/media_publisher.ts";
export type { MediaPublisherEvents, PublishStats } from "./publish/parts.ts";
export type { LayerStats } from "./publish/protocol.ts";
export {
  type AudioOptions,
  type PublishTrackOptions,
  publishCanvas,
  publishTrack,
} from "./publish/publish.ts";
export { type Support, support } from "./support.ts";
