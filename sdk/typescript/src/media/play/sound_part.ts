// The sound of a player as a stream that is read: its decoder, and the ring to which it writes.
import { MediaError } from "../error.ts";
import type { MediaFrame } from "../loc.ts";
import type { MediaMeta } from "../meta.ts";
import type { Chunk, FromWorker, ToWorker } from "./messages.ts";
import { Meter } from "./meter.ts";
import type { Playout } from "./playout.ts";
import { type PlayRoom, Reading, type ReadingHost } from "./reading.ts";
import type { Sound } from "./sound.ts";

/** What the sound needs of its player. */
export interface SoundPartSettings {
  readonly room: PlayRoom;
  /** The clock; another one when another publisher is played. */
  playout(): Playout;
  readonly sound: Sound;
  newId(): number;
  tell(message: ToWorker, transfer?: Transferable[]): void;
  changed(): void;
  failed(error: MediaError): void;
}

/** What sound is sampled at unless its stream says otherwise. */
const SAMPLE_RATE = 48_000;
/** A frame of sound is this long until two have come, and never longer than the second. */
const FRAME_MS = 20;
const FRAME_MAX_MS = 120;
/** What was refused is asked for again after this. */
const AGAIN_MS = 2000;

export class SoundPart implements ReadingHost {
  readonly room: PlayRoom;
  readonly #settings: SoundPartSettings;
  readonly #bytes = new Meter();
  #name: string | undefined;
  #reading: Reading | undefined;
  /** The decoder that has a ring to write to. */
  #readyId = 0;
  #lastMs = 0;
  #frameMs = FRAME_MS;
  #refusedAtMs = -Infinity;
  lost = 0;
  refusedFrames = 0;

  constructor(settings: SoundPartSettings) {
    this.#settings = settings;
    this.room = settings.room;
  }

  get #playout(): Playout {
    return this.#settings.playout();
  }

  bytesPerS(nowMs: number): number {
    return this.#bytes.perSecond(nowMs);
  }

  /** The stream to play; nothing if there is none. */
  setOffer(name: string | undefined): void {
    if (name === this.#name) return;
    this.#name = name;
    this.#choose();
  }

  #choose(): void {
    if (this.#reading?.name === this.#name) return;
    this.#leave();
    if (this.#name === undefined) return;
    this.#reading = new Reading(this, this.#name);
    this.#reading.open().catch(() => {});
  }

  #leave(): void {
    const reading = this.#reading;
    this.#reading = undefined;
    this.#readyId = 0;
    reading?.end();
    if (!reading?.id) return;
    this.#settings.tell({ is: "close", id: reading.id });
    this.#settings.sound.stop();
  }

  opened(reading: Reading): number {
    const { newId, tell } = this.#settings;
    if (reading.id) tell({ is: "close", id: reading.id });
    this.#playout.begin("sound");
    const id = newId();
    this.#begin(id, reading.meta as MediaMeta).catch(error => {
      const isOurs = error instanceof MediaError;
      if (this.#reading === reading)
        this.#settings.failed(isOurs ? error : new MediaError("unsupported", "sound", error));
    });
    return id;
  }

  async #begin(id: number, meta: MediaMeta): Promise<void> {
    const { codec, sampleRate = SAMPLE_RATE, numberOfChannels = 1, description } = meta;
    const ring = await this.#settings.sound.begin(sampleRate);
    if (this.#reading?.id !== id) return;
    const config = { codec, sampleRate, numberOfChannels, ...(description && { description }) };
    const transfer = ring instanceof MessagePort ? [ring] : [];
    this.#settings.tell({ is: "sound", id, config, ring, sampleRate }, transfer);
    // While the worklet was loaded the page was busy.
    this.#playout.begin("sound");
    this.#readyId = id;
  }

  came(reading: Reading, { timestampUs }: MediaFrame, _keyframe: boolean, bytes: number): boolean {
    const nowMs = performance.now();
    const mediaMs = timestampUs / 1000;
    const frameMs = mediaMs - this.#lastMs;
    if (frameMs > 0 && frameMs <= FRAME_MAX_MS) this.#frameMs = frameMs;
    this.#lastMs = mediaMs;
    this.#bytes.add(bytes, nowMs);
    // Its last sample was captured when it ended.
    this.#playout.came("sound", mediaMs + this.#frameMs, nowMs);
    return this.#readyId === reading.id && reading.id > 0;
  }

  decode(id: number, chunk: Chunk): void {
    this.#settings.tell({ is: "chunk", id, ...chunk }, [chunk.data.buffer]);
  }

  lagged(_reading: Reading, lost: number): void {
    this.lost += lost;
    this.#playout.begin("sound");
  }

  invalid(): void {
    this.refusedFrames += 1;
  }

  closed(): void {
    this.#settings.changed();
  }

  refused(): void {
    this.#refusedAtMs = performance.now();
    this.#leave();
  }

  /** The worker could not decode. */
  decoded({ id, error }: FromWorker): void {
    const reading = this.#reading;
    if (!reading || reading.id !== id) return;
    if (reading.failures.add(performance.now()))
      this.#settings.failed(new MediaError("decode_failed", error ?? ""));
  }

  /** Some time went by. */
  tick(nowMs: number): void {
    if (!this.#reading && nowMs - this.#refusedAtMs > AGAIN_MS) this.#choose();
  }

  end(): void {
    this.#leave();
    this.#settings.sound.end();
  }
}
