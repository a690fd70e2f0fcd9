// The picture of a player: which of its layers is read, and what is on the screen. Time is decided by the clocks of
// `playout.ts` and `layer.ts`.
import type { MediaError } from "../error.ts";
import { MediaError as Failure } from "../error.ts";
import type { MediaFrame } from "../loc.ts";
import type { MediaMeta } from "../meta.ts";
import { canChangeOver, Layers, type LayerWhy } from "./layer.ts";
import type { Chunk, FromWorker, ToWorker } from "./messages.ts";
import { Meter } from "./meter.ts";
import type { Offer } from "./pick.ts";
import { Pictures, type Playout } from "./playout.ts";
import { type PlayRoom, Reading, type ReadingHost } from "./reading.ts";
import { type Screen, shownSize } from "./screen.ts";

/** What the picture needs of its player. */
export interface PictureSettings {
  readonly room: PlayRoom;
  /** The clock; another one when another publisher is played. */
  playout(): Playout;
  readonly screen: Screen;
  readonly maxMs: number;
  /** The layer, unless it is chosen by the line. */
  readonly layer: number | undefined;
  readonly isHidden: boolean;
  /** A number for a decoder. */
  newId(): number;
  tell(message: ToWorker, transfer?: Transferable[]): void;
  size(width: number, height: number): void;
  layerChanged(layer: number, why: LayerWhy): void;
  /** A picture was shown, or none can be now. */
  changed(): void;
  /** It cannot go on. */
  failed(error: MediaError): void;
}

/** After so long without anybody who looks the picture is not read any more. */
const HIDDEN_MAX_MS = 10_000;
/** What was refused is asked for again after this. */
const AGAIN_MS = 2000;
/** Without a frame for so long the picture counts as behind. */
const QUIET_FRAMES_MS = 1000;
/** How soon to look again while what was missed comes. */
const CATCH_UP_MS = 10;

interface Waiting {
  readonly mediaMs: number;
  readonly id: number;
  readonly frame: VideoFrame;
}

export class PicturePart implements ReadingHost {
  readonly room: PlayRoom;
  readonly #settings: PictureSettings;
  readonly #waiting: Pictures<Waiting>;
  readonly #drawn = new Meter();
  readonly #bytes = new Meter();
  #offers: readonly Offer<MediaMeta>[] = [];
  #layers = new Layers(0, 0);
  #current: Reading | undefined;
  /** The layer to change to. */
  #next: Reading | undefined;
  /** The decoder of the layer before, until the first picture of the new one is shown. */
  #beforeId = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hiddenSinceMs: number | undefined;
  #refusedAtMs = -Infinity;
  #cameAtMs = -Infinity;
  /** When the last picture was shown. */
  shownAtMs: number = -Infinity;
  /** The media time of the picture that is shown. */
  shownMs: number | undefined;
  width = 0;
  height = 0;
  dropped = 0;
  lost = 0;
  refusedFrames = 0;

  constructor(settings: PictureSettings) {
    this.#settings = settings;
    this.room = settings.room;
    this.#waiting = new Pictures(settings.maxMs);
    this.#hiddenSinceMs = settings.isHidden ? performance.now() : undefined;
  }

  get #playout(): Playout {
    return this.#settings.playout();
  }

  get layer(): number {
    const at = this.#offers.findIndex(({ name }) => name === this.#current?.name);
    return Math.max(at, 0);
  }

  get layerWhy(): LayerWhy {
    return this.#layers.why;
  }

  get isHidden(): boolean {
    return this.#hiddenSinceMs !== undefined;
  }

  get waitingCount(): number {
    return this.#waiting.count;
  }

  fps(nowMs: number): number {
    return this.#drawn.perSecond(nowMs);
  }

  bytesPerS(nowMs: number): number {
    return this.#bytes.perSecond(nowMs);
  }

  /** The layers that there are, the largest first. */
  setOffers(offers: readonly Offer<MediaMeta>[]): void {
    const nowMs = performance.now();
    const goesOn = offers.some(({ name }) => this.#offers.some(before => before.name === name));
    this.#offers = offers;
    if (goesOn) this.#layers.setCount(offers.length, nowMs);
    else {
      this.#leave();
      this.#layers = new Layers(offers.length, nowMs, this.#settings.layer);
    }
    this.#choose(nowMs);
  }

  /** Reads what is wanted. */
  #choose(nowMs: number): void {
    const wanted = this.#offers[this.#layers.wanted]?.name;
    if (wanted === undefined || this.#isAway(nowMs)) {
      this.#leave();
      return;
    }
    if (!this.#current) this.#current = this.#open(wanted);
    if (this.#current.name === wanted) {
      if (this.#next) this.#layers.changed(nowMs);
      this.#endReading(this.#next);
      this.#next = undefined;
    } else if (this.#next?.name !== wanted) {
      this.#endReading(this.#next);
      this.#next = this.#open(wanted);
    }
  }

  #isAway(nowMs: number): boolean {
    return this.#hiddenSinceMs !== undefined && nowMs - this.#hiddenSinceMs >= HIDDEN_MAX_MS;
  }

  #open(name: string): Reading {
    const reading = new Reading(this, name);
    reading.open().catch(() => {});
    return reading;
  }

  #endReading(reading: Reading | undefined): void {
    reading?.end();
    if (reading?.id) this.#settings.tell({ is: "close", id: reading.id });
  }

  /** Nothing is read. What is on the screen stays. */
  #leave(): void {
    this.#endReading(this.#current);
    this.#endReading(this.#next);
    this.#current = this.#next = undefined;
    this.#closeBefore();
    this.#clear();
    this.shownMs = undefined;
  }

  #closeBefore(): void {
    if (this.#beforeId) this.#settings.tell({ is: "close", id: this.#beforeId });
    this.#beforeId = 0;
  }

  #clear(): void {
    clearTimeout(this.#timer);
    for (const { frame } of this.#waiting.clear()) frame.close();
  }

  opened(reading: Reading): number {
    const { newId, tell } = this.#settings;
    if (reading.id) tell({ is: "close", id: reading.id });
    if (reading === this.#current) {
      this.#playout.begin("picture");
      this.#clear();
      this.shownMs = undefined;
    }
    const id = newId();
    const { codec, description } = reading.meta as MediaMeta;
    tell({ is: "picture", id, config: { codec, ...(description && { description }) } });
    return id;
  }

  came(reading: Reading, { timestampUs }: MediaFrame, keyframe: boolean, bytes: number): boolean {
    const nowMs = performance.now();
    const mediaMs = timestampUs / 1000;
    this.#bytes.add(bytes, nowMs);
    if (this.isHidden) return false;
    if (reading === this.#next) {
      if (!canChangeOver(keyframe, mediaMs, this.shownMs)) return false;
      this.#changeOver(nowMs);
    }
    if (reading !== this.#current) return false;
    this.#cameAtMs = nowMs;
    this.#layers.behind(this.#playout.came("picture", mediaMs, nowMs), nowMs);
    this.#choose(nowMs);
    return true;
  }

  /** The first picture of the other layer is here. */
  #changeOver(nowMs: number): void {
    this.#closeBefore();
    this.#beforeId = this.#current?.id ?? 0;
    this.#current?.end();
    this.#current = this.#next;
    this.#next = undefined;
    this.#layers.changed(nowMs);
    this.#playout.begin("picture");
    this.#settings.layerChanged(this.layer, this.layerWhy);
  }

  decode(id: number, chunk: Chunk): void {
    this.#settings.tell({ is: "chunk", id, ...chunk }, [chunk.data.buffer]);
  }

  lagged(reading: Reading, lost: number): void {
    if (reading !== this.#current) return;
    const nowMs = performance.now();
    this.lost += lost;
    this.#playout.begin("picture");
    this.#layers.lagged(nowMs);
    this.#choose(nowMs);
  }

  invalid(): void {
    this.refusedFrames += 1;
  }

  closed(): void {
    this.#settings.changed();
  }

  refused(reading: Reading): void {
    this.#refusedAtMs = performance.now();
    if (reading === this.#next) {
      this.#next = undefined;
      this.#layers.changed(this.#refusedAtMs);
    } else if (reading === this.#current) this.#leave();
  }

  /** The worker decoded a picture, or could not. */
  decoded({ id, frame, error }: FromWorker): void {
    const reading = [this.#current, this.#next].find(one => one?.id === id);
    if (frame) {
      const isShown = (id === this.#current?.id || id === this.#beforeId) && !this.isHidden;
      if (!isShown) {
        frame.close();
        return;
      }
      const nowMs = performance.now();
      this.#waiting.add({ mediaMs: frame.timestamp / 1000, id, frame }, nowMs);
      this.#draw(nowMs);
    } else if (reading) this.#failed(reading, error ?? "");
  }

  #failed(reading: Reading, error: string): void {
    const nowMs = performance.now();
    if (reading.failures.add(nowMs)) this.#settings.failed(new Failure("decode_failed", error));
    reading.cut();
    reading.ask(nowMs);
  }

  #draw(nowMs: number): void {
    clearTimeout(this.#timer);
    const mediaMs = this.#playout.mediaMs(nowMs);
    const isCatchingUp = this.#playout.isCatchingUp("picture", nowMs);
    const { draw, drop, nextMs } = this.#waiting.take(
      mediaMs,
      this.#current?.fedMs ?? 0,
      isCatchingUp,
      nowMs,
    );
    for (const { frame } of drop) frame.close();
    this.dropped += drop.length;
    if (draw) this.#show(draw, nowMs);
    if (!this.#waiting.count) return;
    const inMs = isCatchingUp || nextMs === undefined ? CATCH_UP_MS : nextMs - mediaMs;
    this.#timer = setTimeout(() => this.#draw(performance.now()), inMs);
  }

  #show({ frame, mediaMs, id }: Waiting, nowMs: number): void {
    const { screen, size, changed } = this.#settings;
    const turn = this.#current?.meta ?? {};
    const { width, height } = shownSize(frame, turn);
    screen.show(frame, turn);
    this.#drawn.add(1, nowMs);
    if (id === this.#current?.id) this.#closeBefore();
    this.shownMs = mediaMs;
    this.shownAtMs = nowMs;
    if (width !== this.width || height !== this.height) {
      this.width = width;
      this.height = height;
      size(width, height);
    }
    changed();
  }

  /** Whether anybody can see it. */
  setHidden(isHidden: boolean): void {
    if (isHidden === this.isHidden) return;
    const nowMs = performance.now();
    this.#hiddenSinceMs = isHidden ? nowMs : undefined;
    if (isHidden) {
      this.#clear();
      return;
    }
    this.#choose(nowMs);
    this.#playout.begin("picture");
    for (const reading of [this.#current, this.#next]) {
      reading?.cut();
      reading?.ask(nowMs);
    }
  }

  /** Some time went by. */
  tick(nowMs: number): void {
    if (this.#isAway(nowMs)) {
      this.#leave();
      return;
    }
    if (this.isHidden) return;
    this.#current?.ask(nowMs);
    this.#next?.ask(nowMs);
    if (this.#current?.isFed && nowMs - this.#cameAtMs > QUIET_FRAMES_MS) {
      this.#layers.behind(nowMs - this.#cameAtMs, nowMs);
      this.#choose(nowMs);
    } else if (!this.#current && nowMs - this.#refusedAtMs > AGAIN_MS) this.#choose(nowMs);
  }

  end(): void {
    this.#leave();
    this.#settings.screen.end();
  }
}
