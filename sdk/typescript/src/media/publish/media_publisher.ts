// A track that goes out. Decides which layers are encoded, says how the line is, takes a lost device again; the worker
// does the rest, and the streams are the room's.
import { Emitter } from "../../client/emitter.ts";
import type { Publisher } from "../../client/index.ts";
import { MediaError } from "../error.ts";
import type { Capture } from "./capture.ts";
import type { Limit } from "./control.ts";
import { defaultDevice, isDevice } from "./devices.ts";
import type { MediaParts, MediaPublisherEvents, PublishStats } from "./parts.ts";
import type { LayerStats, ToPage, ToWorker } from "./protocol.ts";

/** Between two attempts to find a device. */
const AGAIN_MS = 1000;
/** For how long it is looked for. */
const LOST_MAX_MS = 60_000;
/** A bitrate below this is none. */
const BITRATE_MIN = 20_000;

const NOTHING: LayerStats = { fps: 0, kbps: 0, encodeMs: 0, keyframes: 0 };

/**
 * A track that goes out.
 *
 * ```ts
 * const camera = await publishTrack(room, await devices.camera());
 * camera.on("limited", by => show(by ?? "all is well"));
 * await camera.replaceTrack(await devices.camera({ deviceId }));
 * camera.end();
 * ```
 */
export class MediaPublisher extends Emitter<MediaPublisherEvents> {
  /** The streams, the largest layer first. */
  readonly publishers: readonly Publisher[];
  /** What the largest is encoded with, as WebCodecs names it. */
  readonly codec: string;
  readonly #parts: MediaParts;
  #track: MediaStreamTrack;
  #capture: Capture | undefined;
  /** A change of the track waits for the one before. */
  #changing: Promise<void> = Promise.resolve();
  #isOfDevice = false;
  #isPaused = false;
  #isOver = false;
  #bitrateMax: number;
  #lost: { readonly sinceMs: number; triedMs: number } | undefined;
  #isBlocked = false;
  #limit: Limit | undefined = "nobody";
  /** Bytes before the line at the last look, and those that were there at the one before as well. */
  #bufferedBytes = 0;
  #waitingBytes = 0;
  #said: Extract<ToPage, { is: "stats" }> = { is: "stats", layers: [], skipped: 0, limit: undefined };

  /** @internal */
  constructor(track: MediaStreamTrack, parts: MediaParts) {
    super();
    this.#parts = parts;
    this.#track = track;
    this.#bitrateMax = parts.bitrate;
    this.publishers = parts.publishers;
    this.codec = parts.codec;
    parts.line.port.onmessage = ({ data }: MessageEvent<ToPage>) => this.#hear(data);
    for (const [layer, publisher] of parts.publishers.entries()) {
      const keyframe = () => this.#say({ is: "keyframe", layer });
      publisher.on("keyframeWanted", keyframe);
      publisher.on("begun", keyframe);
      publisher.on("watched", () => this.#tock());
      publisher.on("ended", () => layer || this.end());
    }
    if (parts.stopsHidden) document.addEventListener("visibilitychange", this.#seen);
  }

  /** Begins with the track. @internal */
  async start(): Promise<this> {
    await this.#take(this.#track);
    this.#tock();
    return this;
  }

  /** The track that goes out. */
  get track(): MediaStreamTrack {
    return this.#track;
  }

  /** Whether it was paused. */
  get paused(): boolean {
    return this.#isPaused;
  }

  /** How it goes; the figures are those of the last second. */
  get stats(): PublishStats {
    const { layers, skipped } = this.#said;
    const first = layers.find(({ fps }) => fps > 0) ?? layers[0] ?? NOTHING;
    const uplinkDelayMs = this.#parts.uplink.delayMs(performance.now());
    return { ...first, skipped, uplinkDelayMs, limitedBy: this.#limitedBy(), layers };
  }

  /**
   * Sends another track in place of this one, as the same stream. The one before is not stopped.
   *
   * ```ts
   * await camera.replaceTrack(await devices.camera({ deviceId }));
   * ```
   */
  async replaceTrack(track: MediaStreamTrack): Promise<void> {
    if (track.kind !== this.#track.kind) throw new TypeError(`not of ${this.#track.kind}`);
    await this.#replace(track, false);
  }

  /**
   * Sends nothing until `resume`. The streams stay.
   *
   * ```ts
   * camera.pause();
   * ```
   */
  pause(): void {
    this.#isPaused = true;
    this.#tock();
  }

  /**
   * Goes on, with a keyframe.
   *
   * ```ts
   * camera.resume();
   * ```
   */
  resume(): void {
    this.#isPaused = false;
    this.#tock();
  }

  /**
   * Bounds the bitrate of each layer, in bits per second.
   *
   * ```ts
   * camera.setBitrate(500_000);
   * ```
   */
  setBitrate(max: number): void {
    if (!(max > 0)) throw new RangeError("a bitrate is above 0");
    this.#bitrateMax = max;
    this.#say({ is: "bitrate", max });
  }

  /**
   * Ends the streams. The track is not stopped, unless the publisher found it itself.
   *
   * ```ts
   * camera.end();
   * ```
   */
  end(): void {
    this.#end();
  }

  #end(error?: MediaError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#track.removeEventListener("ended", this.#gone);
    if (this.#parts.isOwn) this.#track.stop();
    document.removeEventListener("visibilitychange", this.#seen);
    this.#capture?.end();
    this.#parts.line.port.postMessage({ is: "end" });
    this.#parts.line.end();
    for (const publisher of this.publishers) publisher.end();
    this.emit("ended", error ? { error } : {});
  }

  #say(said: ToWorker): void {
    if (!this.#isOver) this.#parts.line.port.postMessage(said);
  }

  /** The tab was hidden, or is seen again. */
  readonly #seen = (): void => this.emit("hidden", document.hidden);

  #replace(track: MediaStreamTrack, isOwn: boolean): Promise<void> {
    const change = this.#changing.then(async () => {
      if (this.#isOver) return;
      this.#track.removeEventListener("ended", this.#gone);
      if (this.#parts.isOwn) this.#track.stop();
      this.#parts.isOwn = isOwn;
      this.#track = track;
      this.#lost = undefined;
      this.#capture?.end();
      await this.#take(track);
    });
    this.#changing = change.catch(() => {});
    return change;
  }

  async #take(track: MediaStreamTrack): Promise<void> {
    track.addEventListener("ended", this.#gone);
    // Asked while it is there: a device that is gone is on no list.
    this.#isOfDevice = await isDevice(track);
    const capture = await this.#parts.capture(track);
    this.#capture = capture;
    if (this.#isOver) capture.end();
    if (track.readyState === "ended") this.#gone();
  }

  /** The device is gone, or what was shared is shared no longer. */
  readonly #gone = (): void => {
    if (this.#isOver || this.#lost) return;
    if (!this.#isOfDevice) {
      this.#end();
      return;
    }
    this.#lost = { sinceMs: performance.now(), triedMs: Number.NEGATIVE_INFINITY };
    this.emit("trackLost", undefined);
  };

  /** Looks for another device, if it is time. */
  #look(nowMs: number): void {
    const lost = this.#lost;
    if (!lost || nowMs - lost.triedMs < AGAIN_MS) return;
    lost.triedMs = nowMs;
    if (nowMs - lost.sinceMs > LOST_MAX_MS) this.#end(new MediaError("device_missing"));
    if (this.#isOver) return;
    defaultDevice(this.#track.kind).then(
      track => this.#found(track, lost),
      () => {},
    );
  }

  async #found(track: MediaStreamTrack, lost: unknown): Promise<void> {
    // Another track may have come meanwhile, and a slow browser may answer two questions.
    if (this.#isOver || this.#lost !== lost) {
      track.stop();
      return;
    }
    try {
      await this.#replace(track, true);
      this.emit("trackFound", track);
    } catch (error) {
      this.#end(error as MediaError);
    }
  }

  #hear(said: ToPage): void {
    if (this.#isOver) return;
    switch (said.is) {
      case "tick":
        this.#tick(performance.now());
        break;
      case "payload":
        this.#send(said);
        break;
      case "stats":
        this.#said = said;
        break;
      case "failed":
        this.#end(new MediaError("encode_failed", said.message));
    }
  }

  #tick(nowMs: number): void {
    // What was sent in this moment waits as well: only what waits from one look to the next waits for the line.
    const bufferedBytes = this.publishers[0]?.bufferedBytes ?? 0;
    this.#waitingBytes = Math.min(bufferedBytes, this.#bufferedBytes);
    this.#bufferedBytes = bufferedBytes;
    if (this.#active().includes(true)) this.#parts.uplink.tick(nowMs);
    this.#tock();
    this.#look(nowMs);
    const isBlocked = this.#capture?.isBlocked === true;
    if (isBlocked !== this.#isBlocked) {
      this.#isBlocked = isBlocked;
      this.emit("blocked", isBlocked);
    }
    const limit = this.#limitedBy();
    if (limit === this.#limit) return;
    this.#limit = limit;
    this.emit("limited", limit);
  }

  /** Says which layers are read, and how the line is. */
  #tock(): void {
    const bufferedBytes = this.#waitingBytes;
    const delayMs = this.#parts.uplink.delayMs(performance.now());
    this.#say({ is: "tock", active: this.#active(), bufferedBytes, delayMs });
  }

  #active(): boolean[] {
    const isOn = !this.#isPaused && !this.#track.muted && this.#track.enabled && !this.#lost;
    return this.publishers.map(({ state, watched }) => isOn && state === "live" && watched);
  }

  #limitedBy(): Limit | undefined {
    const isRead = this.publishers.some(({ state, watched }) => state === "live" && watched);
    return isRead ? this.#said.limit : "nobody";
  }

  #send({ layer, keyframe, payload }: Extract<ToPage, { is: "payload" }>): void {
    try {
      if (this.publishers[layer]?.send(payload, { keyframe }) === "sent") {
        this.#parts.uplink.sent(payload.length);
        return;
      }
    } catch (error) {
      // The room takes no frame of this size: smaller ones may do.
      this.setBitrate(this.#bitrateMax * 0.7);
      if (this.#bitrateMax < BITRATE_MIN) {
        this.#end(new MediaError("encode_failed", "its frames are too large", error));
      }
    }
    // What follows cannot be decoded without this one.
    this.#say({ is: "keyframe", layer });
  }
}
