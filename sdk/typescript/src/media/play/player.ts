// A player: finds what is to be played, and says how it goes. The picture and the sound do the rest.
import { Emitter } from "../../client/emitter.ts";
import type { Room } from "../../client/index.ts";
import { type Line, openPart } from "../carry.ts";
import { MediaError } from "../error.ts";
import { type MediaMeta, readMeta } from "../meta.ts";
import type { Latency } from "./jitter.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import type { PlayerEvents, PlayerStats, PlayOptions } from "./options.ts";
import { type Offer, pick } from "./pick.ts";
import { PicturePart } from "./picture.ts";
import { Playout } from "./playout.ts";
import type { PlayRoom } from "./reading.ts";
import { CanvasScreen, elementScreen } from "./screen.ts";
import { Sound } from "./sound.ts";
import { SoundPart } from "./sound_part.ts";
import { type PlayerState, stateOf } from "./state.ts";

/** How often it looks for what did not happen. */
const TICK_MS = 100;

/**
 * Plays what a member publishes.
 *
 * ```ts
 * const player = play(room, { user: "ann", canvas });
 * player.on("state", ({ state }) => { button.hidden = state !== "blocked"; });
 * button.onclick = () => player.start();
 * ```
 */
export class Player extends Emitter<PlayerEvents> {
  readonly #room: PlayRoom;
  readonly #options: PlayOptions;
  readonly #latency: Latency;
  readonly #stops: (() => void)[] = [];
  readonly #sound: Sound;
  readonly #soundPart: SoundPart;
  readonly #picture: PicturePart | undefined;
  #line: Line | undefined;
  #lastId = 0;
  /** What the clocks are of. */
  #clocksOf = "";
  #pictureClock: Playout;
  #soundClock: Playout;
  #state: PlayerState = "waiting";
  #hasStreams = false;
  #isOver = false;

  /** @internal */
  constructor(room: PlayRoom, options: PlayOptions) {
    super();
    this.#room = room;
    this.#options = options;
    this.#latency = { min: 40, max: 400, ...options.latencyMs };
    this.#pictureClock = this.#soundClock = new Playout(this.#latency);
    const shared = {
      room,
      maxMs: this.#latency.max,
      newId: () => ++this.#lastId,
      tell: (message: ToWorker, transfer: Transferable[] = []) =>
        this.#line?.port.postMessage(message, transfer),
      changed: () => this.#look(),
      failed: (error: MediaError) => this.#over(error),
    };
    const { canvas, element, layer, volume = 1, sink } = options;
    this.#sound = new Sound({ ...shared, carried: options, volume, sink, playout: () => this.#soundClock });
    this.#soundPart = new SoundPart({ ...shared, sound: this.#sound, playout: () => this.#soundClock });
    const screen = canvas ? new CanvasScreen(canvas) : element && elementScreen(element);
    this.#picture =
      screen &&
      new PicturePart({
        ...shared,
        screen,
        layer: typeof layer === "number" ? layer : undefined,
        isHidden: isHidden(),
        playout: () => this.#pictureClock,
        size: (width, height) => this.emit("size", { width, height }),
        layerChanged: (layer, why) => this.emit("layer", { layer, why }),
      });
  }

  /** Opens the worker, and looks for streams from then on. Never rejects. @internal */
  async open(): Promise<void> {
    try {
      const line = await openPart("play", this.#options);
      if (this.#isOver) {
        line.end();
        return;
      }
      this.#line = line;
      line.port.onmessage = ({ data }: MessageEvent<FromWorker>) => {
        if (this.#isOver) {
          data.frame?.close();
          return;
        }
        this.#picture?.decoded(data);
        this.#soundPart.decoded(data);
      };
    } catch (error) {
      return this.#over(error as MediaError);
    }
    if (this.#room.closed) {
      this.#over();
      return;
    }
    const { document } = globalThis as { document?: Document };
    const seen = () => this.#picture?.setHidden(isHidden());
    document?.addEventListener("visibilitychange", seen);
    const timer = setInterval(() => this.#tick(), TICK_MS);
    this.#stops.push(
      () => document?.removeEventListener("visibilitychange", seen),
      () => clearInterval(timer),
      this.#room.on("closed", () => this.#over()),
      ...(["published", "unpublished", "grantsChanged", "reconnected"] as const).map(name =>
        this.#room.on(name, () => this.#pick()),
      ),
    );
    seen();
    this.#pick();
  }

  /** Picks what to play out of what there is. */
  #pick(): void {
    if (this.#isOver) return;
    const offers: Offer<MediaMeta>[] = [];
    for (const { name, user, kind, meta } of this.#room.streams.values()) {
      if (kind === "data" || (this.#options.user ?? user) !== user) continue;
      try {
        offers.push({ name, user, kind, meta: readMeta(meta) });
      } catch {
        // A stream of another convention: not for us.
      }
    }
    const { layers, audio } = pick(this.#options, offers, this.#played);
    const pictures = this.#picture && has("VideoDecoder") ? layers : [];
    const sound = has("AudioDecoder") ? audio : undefined;
    this.#played = [...pictures, ...(sound ? [sound] : [])].map(({ name }) => name);
    this.#setClocks(pictures[0], sound);
    this.#hasStreams = this.#played.length > 0;
    this.#picture?.setOffers(pictures);
    this.#soundPart.setOffer(sound?.name);
    this.#look();
  }

  /** The names of the streams that are played. */
  #played: readonly string[] = [];

  /** Picture and sound of one `sync` have one clock; another publisher has another. */
  #setClocks(picture: Offer<MediaMeta> | undefined, sound: Offer<MediaMeta> | undefined): void {
    const of = (offer: Offer<MediaMeta> | undefined) =>
      offer && JSON.stringify([offer.user, offer.meta.sync]);
    const clocksOf = [of(picture), of(sound)].join();
    if (clocksOf === this.#clocksOf) return;
    this.#clocksOf = clocksOf;
    const isOne = !picture || !sound || of(picture) === of(sound);
    this.#pictureClock = new Playout(this.#latency);
    this.#soundClock = isOne ? this.#pictureClock : new Playout(this.#latency);
  }

  #tick(): void {
    const nowMs = performance.now();
    this.#picture?.tick(nowMs);
    this.#soundPart.tick(nowMs);
    if (this.#sound.isPlaying) this.#heardAtMs = nowMs;
    this.#look();
  }

  /** When sound was last heard. */
  #heardAtMs = -Infinity;

  /** Where it is, and says so if that is somewhere else. */
  #look(error?: MediaError): void {
    const facts = {
      isOver: this.#isOver,
      hasStreams: this.#hasStreams,
      isBlocked: this.#sound.isBlocked,
      playedAtMs: Math.max(this.#heardAtMs, this.#picture?.shownAtMs ?? -Infinity),
    };
    const state = stateOf(facts, performance.now());
    const before = this.#state;
    if (state === before) return;
    this.#state = state;
    this.emit("state", { state, before, ...(error && { error }) });
  }

  /** Where it is. */
  get state(): PlayerState {
    return this.#state;
  }

  /** How it goes. */
  get stats(): PlayerStats {
    const nowMs = performance.now();
    const [picture, sound, part] = [this.#picture, this.#sound, this.#soundPart];
    const [seen, heard] = [this.#pictureClock, this.#soundClock];
    const bytes = (picture?.bytesPerS(nowMs) ?? 0) + part.bytesPerS(nowMs);
    return {
      width: picture?.width ?? 0,
      height: picture?.height ?? 0,
      fps: picture?.fps(nowMs) ?? 0,
      kbps: (bytes * 8) / 1000,
      pictureBehindMs: seen.behindMs(picture?.shownMs, nowMs),
      soundBehindMs: sound.isPlaying ? heard.behindMs(heard.mediaMs(nowMs), nowMs) : 0,
      jitterMs: Math.max(seen.jitterMs("picture"), heard.jitterMs("sound")),
      bufferMs: seen.delayMs(nowMs),
      soundWaitingMs: sound.waitingMs,
      dropped: picture?.dropped ?? 0,
      soundDroppedMs: sound.droppedMs,
      lost: (picture?.lost ?? 0) + part.lost,
      invalid: (picture?.refusedFrames ?? 0) + part.refusedFrames,
      underruns: sound.underruns,
      layer: picture?.layer ?? 0,
      layerWhy: picture?.layerWhy ?? "first",
    };
  }

  /**
   * Sets how loud it is, from 0 to 1.
   *
   * ```ts
   * player.setVolume(0.5);
   * ```
   */
  setVolume(volume: number): void {
    this.#sound.setVolume(volume);
  }

  /**
   * Plays the sound by another device.
   *
   * ```ts
   * await player.setSink(speaker.deviceId);
   * ```
   *
   * @throws `MediaError` `unsupported` or `device_missing`.
   */
  async setSink(sink: string): Promise<void> {
    await this.#sound.setSink(sink);
  }

  /**
   * Plays the sound that the browser holds back (`blocked`): call it from a click.
   *
   * ```ts
   * button.onclick = () => player.start();
   * ```
   *
   * @throws `MediaError` `playback_blocked`, if the browser still does.
   */
  async start(): Promise<void> {
    await this.#sound.start();
    this.#look();
  }

  /**
   * Stops, and takes its subscriptions back. What is on the canvas stays.
   *
   * ```ts
   * player.end();
   * ```
   */
  end(): void {
    this.#over();
  }

  /** Ends at the end of the block. */
  [Symbol.dispose](): void {
    this.end();
  }

  #over(error?: MediaError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const stop of this.#stops.splice(0)) stop();
    this.#picture?.end();
    this.#soundPart.end();
    this.#line?.end();
    this.#look(error);
  }
}

/** Some browsers decode pictures alone. */
function has(decoder: "VideoDecoder" | "AudioDecoder"): boolean {
  return decoder in globalThis;
}

function isHidden(): boolean {
  return (globalThis as { document?: Document }).document?.visibilityState === "hidden";
}

/**
 * Plays what a member publishes: its picture on a canvas or a `<video>`, its sound by the speakers. It begins as soon as
 * there is something, and goes on when it is published again.
 *
 * ```ts
 * const player = play(room, { user: "ann", canvas });
 * player.on("size", ({ width, height }) => { canvas.style.aspectRatio = `${width} / ${height}`; });
 * ```
 *
 * @throws `MediaError` `unsupported`, if the browser has no decoder.
 */
export function play(room: Room, options: PlayOptions): Player {
  if (!has("VideoDecoder") && !has("AudioDecoder")) throw new MediaError("unsupported");
  const player = new Player(room, options);
  player.open();
  return player;
}
