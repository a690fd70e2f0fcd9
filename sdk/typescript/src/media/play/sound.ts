// The sound of a player: its context, the worklet that plays the ring, and keeping it on the play-out clock.
import { addWorklets, type Carried } from "../carry.ts";
import { MediaError } from "../error.ts";
import type { Heard, ToWorklet, WorkletOptions } from "./messages.ts";
import type { Playout } from "./playout.ts";
import { RingMemory, steer } from "./ring.ts";
import { PLAY } from "./worklet.ts";

/** What sound needs of its player. */
export interface SoundSettings {
  readonly carried: Carried;
  /** The clock; another one when another publisher is played. */
  playout(): Playout;
  readonly maxMs: number;
  readonly volume: number;
  readonly sink: string | undefined;
  /** Whether it plays may be another than before. */
  changed(): void;
}

/** A context that was allowed to play does so within this. */
const STARTS_MS = 300;
/** How long `start()` waits for the browser's word. */
const START_MAX_MS = 1000;
/** After a jump the worklet's reports are of the time before it. */
const JUMP_PAUSE_MS = 500;

type Sinking = AudioContext & { setSinkId?(id: string): Promise<void> };

export class Sound {
  readonly #settings: SoundSettings;
  #context: AudioContext | undefined;
  #gain: GainNode | undefined;
  #node: AudioWorkletNode | undefined;
  #loaded: Promise<void> | undefined;
  #madeAtMs = 0;
  #jumpedAtMs = -Infinity;
  #volume: number;
  #sink: string | undefined;
  #heard: Heard | undefined;
  #isOver = false;
  /** What earlier rings counted. */
  #underruns = 0;
  #droppedMs = 0;

  constructor(settings: SoundSettings) {
    this.#settings = settings;
    this.#volume = settings.volume;
    this.#sink = settings.sink;
  }

  get #playout(): Playout {
    return this.#settings.playout();
  }

  /** Whether the browser holds it back. */
  get isBlocked(): boolean {
    const context = this.#context;
    return !!context && context.state !== "running" && performance.now() - this.#madeAtMs > STARTS_MS;
  }

  /** Whether sound is heard. */
  get isPlaying(): boolean {
    return this.#context?.state === "running" && !!this.#heard?.isPlaying;
  }

  get underruns(): number {
    return this.#underruns + (this.#heard?.underruns ?? 0);
  }

  get droppedMs(): number {
    return this.#droppedMs + (this.#heard?.droppedMs ?? 0);
  }

  /** How much is decoded and waits. */
  get waitingMs(): number {
    return this.#heard?.waitingMs ?? 0;
  }

  /** How long the device takes. */
  get #deviceMs(): number {
    return (this.#context?.outputLatency || this.#context?.baseLatency || 0) * 1000;
  }

  /** Begins a stream's sound. Where it goes: a ring, or a port to one. */
  async begin(sampleRate: number): Promise<SharedArrayBuffer | MessagePort> {
    this.stop();
    const context = this.#contextOf(sampleRate);
    await this.#loaded;
    if (this.#isOver) throw new MediaError("unsupported", "the player is over");
    const { maxMs } = this.#settings;
    const isShared = globalThis.crossOriginIsolated && typeof SharedArrayBuffer === "function";
    const ring = isShared ? new SharedArrayBuffer(RingMemory.bytes) : undefined;
    const bufferMs = this.#playout.delayMs(performance.now());
    const processorOptions: WorkletOptions = { bufferMs, maxMs, ...(ring && { ring }) };
    const node = new AudioWorkletNode(context, PLAY, {
      numberOfInputs: 0,
      outputChannelCount: [2],
      processorOptions,
    });
    node.port.onmessage = ({ data }: MessageEvent<Heard>) => this.#report(data);
    node.connect(this.#gain as GainNode);
    this.#node = node;
    if (ring) return ring;
    const { port1, port2 } = new MessageChannel();
    this.#tell({ port: port1 }, [port1]);
    return port2;
  }

  #contextOf(sampleRate: number): AudioContext {
    const before = this.#context;
    if (before?.sampleRate === sampleRate) return before;
    before?.close().catch(() => {});
    const context = new AudioContext({ sampleRate, latencyHint: "interactive" });
    this.#context = context;
    this.#madeAtMs = performance.now();
    context.onstatechange = () => this.#settings.changed();
    this.#gain = new GainNode(context, { gain: this.#volume });
    this.#gain.connect(context.destination);
    this.#loaded = addWorklets(context, this.#settings.carried);
    this.#loaded.catch(() => {});
    if (this.#sink !== undefined) this.setSink(this.#sink).catch(() => {});
    context.resume().catch(() => {});
    return context;
  }

  #tell(message: ToWorklet, transfer: Transferable[] = []): void {
    this.#node?.port.postMessage(message, transfer);
  }

  /** The worklet told where it is. */
  #report(heard: Heard): void {
    const context = this.#context;
    if (!context || this.#isOver) return;
    const wasPlaying = this.isPlaying;
    this.#heard = heard;
    if (wasPlaying !== this.isPlaying) this.#settings.changed();
    const nowMs = performance.now();
    this.#tell({ bufferMs: this.#playout.delayMs(nowMs) });
    const { contextTime = 0, performanceTime = 0 } = context.getOutputTimestamp();
    if (!this.isPlaying || !performanceTime) {
      this.#playout.silent();
      return;
    }
    const outMs = contextTime * 1000 + nowMs - performanceTime;
    const mediaMs = heard.mediaMs + outMs - heard.contextMs;
    this.#playout.heard(mediaMs, nowMs);
    this.#steer(mediaMs + this.#deviceMs - this.#playout.wantedMs(nowMs), nowMs);
  }

  #steer(earlyMs: number, nowMs: number): void {
    if (nowMs - this.#jumpedAtMs < JUMP_PAUSE_MS) return;
    const steered = steer(earlyMs);
    if (steered.jumpMs) this.#jumpedAtMs = nowMs;
    this.#tell({ steer: steered });
  }

  /** Plays, if the browser lets it. */
  async start(): Promise<void> {
    const context = this.#context;
    if (!context) return;
    const late = new Promise(resolve => setTimeout(resolve, START_MAX_MS));
    await Promise.race([context.resume(), late]);
    if (context.state !== "running") throw new MediaError("playback_blocked");
  }

  setVolume(volume: number): void {
    this.#volume = volume;
    if (this.#gain) this.#gain.gain.value = volume;
  }

  async setSink(sink: string): Promise<void> {
    this.#sink = sink;
    const context = this.#context as Sinking | undefined;
    if (!("setSinkId" in AudioContext.prototype)) throw new MediaError("unsupported", "another sink");
    try {
      await context?.setSinkId?.(sink);
    } catch (error) {
      throw new MediaError("device_missing", sink, error);
    }
  }

  /** The stream is over; another may follow. */
  stop(): void {
    this.#underruns = this.underruns;
    this.#droppedMs = this.droppedMs;
    this.#heard = undefined;
    this.#playout.silent();
    this.#tell({ end: true });
    this.#node?.disconnect();
    this.#node?.port.close();
    this.#node = undefined;
  }

  end(): void {
    this.#isOver = true;
    this.stop();
    this.#context?.close().catch(() => {});
  }
}
