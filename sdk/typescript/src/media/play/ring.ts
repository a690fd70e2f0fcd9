// The ring between the decoder of sound and the worklet that plays it. Works on any buffer: on shared memory writer and
// reader are two threads, otherwise one. Pure: knows no AudioContext.

/** One end of the ring writes, the other reads; both count samples from the first one on. */
const CAPACITY = 65_536;
const CHANNELS = 2;
/** Before the samples: how many were written, an Int32, and the media time of sample 0, a Float64. */
const WRITTEN = 0;
const ZERO_AT = 8;
const HEAD_BYTES = 16;

const FADE_MS = 5;
/** Timestamps of sound without a gap are this exact. */
const GAP_MS = 15;
/** Over a longer gap there is no silence: the time after it is another. */
const SILENCE_MAX_MS = 1000;
/** Two clocks drift: each chunk moves the time by this share of the difference. */
const FOLLOW = 1 / 32;

/** The memory of a ring. */
export class RingMemory {
  readonly buffer: ArrayBufferLike;
  readonly counts: Int32Array;
  readonly zeroMs: Float64Array;
  readonly channels: readonly Float32Array[];
  readonly samplesPerMs: number;

  /** `buffer` is what another thread made by `RingMemory.bytes`. */
  constructor(sampleRate: number, buffer: ArrayBufferLike = new ArrayBuffer(RingMemory.bytes)) {
    this.buffer = buffer;
    this.samplesPerMs = sampleRate / 1000;
    this.counts = new Int32Array(buffer, 0, 1);
    this.zeroMs = new Float64Array(buffer, ZERO_AT, 1);
    this.channels = Array.from(
      { length: CHANNELS },
      (_, n) => new Float32Array(buffer, HEAD_BYTES + n * CAPACITY * 4, CAPACITY),
    );
  }

  static get bytes(): number {
    return HEAD_BYTES + CHANNELS * CAPACITY * 4;
  }

  /** How long a fade is, in samples. */
  get fade(): number {
    return FADE_MS * this.samplesPerMs;
  }
}

/** The end that the decoder has. */
export class RingWriter {
  readonly #memory: RingMemory;
  #written = 0;

  constructor(memory: RingMemory) {
    this.#memory = memory;
  }

  /** Adds sound that was captured from `mediaMs` on. One channel is heard on both sides. */
  write(mediaMs: number, planes: readonly Float32Array[]): void {
    const { samplesPerMs, zeroMs, fade } = this.#memory;
    const endMs = (zeroMs[0] ?? 0) + this.#written / samplesPerMs;
    const gapMs = mediaMs - endMs;
    if (this.#written === 0 || Math.abs(gapMs) > SILENCE_MAX_MS) {
      zeroMs[0] = mediaMs - this.#written / samplesPerMs;
      this.#ramp(this.#written - 1, -1);
    } else if (gapMs > GAP_MS) {
      this.#ramp(this.#written - 1, -1);
      this.#silence(Math.round(gapMs * samplesPerMs));
    } else if (gapMs < -GAP_MS) return;
    else {
      zeroMs[0] = (zeroMs[0] ?? 0) + gapMs * FOLLOW;
      this.#copy(planes, 0);
      return;
    }
    this.#copy(planes, fade);
  }

  /** The last samples before a gap go down to nothing. */
  #ramp(last: number, step: -1 | 1): void {
    const { channels, fade } = this.#memory;
    for (let n = 0; n < fade; n += 1) {
      const at = (last + n * step) & (CAPACITY - 1);
      for (const channel of channels) channel[at] = (channel[at] ?? 0) * (n / fade);
    }
  }

  #silence(count: number): void {
    const { channels } = this.#memory;
    for (let n = 0; n < count; n += 1) {
      for (const channel of channels) channel[(this.#written + n) & (CAPACITY - 1)] = 0;
    }
    this.#publish(count);
  }

  /** Writes samples, the first `fade` of them rising from nothing. */
  #copy(planes: readonly Float32Array[], fade: number): void {
    const { channels } = this.#memory;
    const count = Math.min(planes[0]?.length ?? 0, CAPACITY);
    channels.forEach((channel, side) => {
      const plane = planes[side] ?? planes[0];
      for (let n = 0; n < count; n += 1) {
        const sample = plane?.[n] ?? 0;
        channel[(this.#written + n) & (CAPACITY - 1)] = n < fade ? sample * (n / fade) : sample;
      }
    });
    this.#publish(count);
  }

  #publish(count: number): void {
    this.#written += count;
    Atomics.store(this.#memory.counts, WRITTEN, this.#written | 0);
  }
}

/** What the ring is to do next. */
export interface Steer {
  /** How many samples are read for one that is played. */
  readonly rate: number;
  /** So much is waited (more than 0) or left out (less), with a fade on both sides. */
  readonly jumpMs: number;
}

/** The sound may be this much early or late. */
const EXACT_MS = 5;
/** Above this it jumps, below it is slower or faster by what nobody hears. */
const JUMP_MS = 40;
const RATE = 0.005;

/** How to bring sound to its time again that is early by so much (late: below 0). */
export function steer(earlyMs: number): Steer {
  const off = Math.abs(earlyMs);
  if (off > JUMP_MS) return { rate: 1, jumpMs: earlyMs };
  return { rate: off > EXACT_MS ? 1 - Math.sign(earlyMs) * RATE : 1, jumpMs: 0 };
}

/** The end that the worklet has. */
export class RingReader {
  readonly #memory: RingMemory;
  #read = 0;
  #gain = 0;
  #isPlaying = false;
  #rate = 1;
  /** Samples still to be left out, once it is faded out; below 0: to be waited. */
  #skip = 0;
  #bufferMs: number;
  #maxMs: number;
  /** How often there was nothing to play. */
  underruns = 0;
  /** How many milliseconds were let go because too much waited. */
  droppedMs = 0;

  constructor(memory: RingMemory, bufferMs: number, maxMs: number) {
    this.#memory = memory;
    this.#bufferMs = bufferMs;
    this.#maxMs = maxMs;
  }

  /** Whether sound is heard. */
  get isPlaying(): boolean {
    return this.#isPlaying;
  }

  /** The media time of the sample that is played next. */
  get mediaMs(): number {
    return (this.#memory.zeroMs[0] ?? 0) + this.#read / this.#memory.samplesPerMs;
  }

  /** How much waits. */
  get waitingMs(): number {
    return this.#waiting / this.#memory.samplesPerMs;
  }

  get #waiting(): number {
    // Both counts wrap around after some hours; their difference does not.
    return (Atomics.load(this.#memory.counts, WRITTEN) - (Math.floor(this.#read) | 0)) | 0;
  }

  /** After a gap it plays as soon as so much waits. */
  setBuffer(bufferMs: number): void {
    this.#bufferMs = bufferMs;
  }

  /** What is to be done next. */
  steer({ rate, jumpMs }: Steer): void {
    this.#rate = rate;
    if (this.#skip === 0) this.#skip = -jumpMs * this.#memory.samplesPerMs;
  }

  /** Fills `out`, one array for each side. */
  read(out: readonly Float32Array[]): void {
    const { samplesPerMs } = this.#memory;
    const length = out[0]?.length ?? 0;
    this.#letGo();
    const early = this.#waiting - this.#bufferMs * samplesPerMs;
    if (!this.#isPlaying && early >= 0 && this.#waiting > 1) {
      // What has gathered beyond the delay is not played late.
      this.#isPlaying = true;
      this.#leaveOut(early);
    }
    for (let n = 0; n < length; n += 1) this.#sample(out, n);
  }

  /** Too much waits: the oldest goes. */
  #letGo(): void {
    const { samplesPerMs, fade } = this.#memory;
    const most = this.#maxMs * samplesPerMs;
    const isOverwritten = this.#waiting > CAPACITY - most;
    if (this.#waiting <= most || (!isOverwritten && this.#skip > 0)) return;
    const count = this.#waiting - Math.min(this.#bufferMs, this.#maxMs) * samplesPerMs;
    if (this.#isPlaying && !isOverwritten) {
      this.#skip = Math.max(count - fade, 1);
      return;
    }
    this.#leaveOut(count);
  }

  #leaveOut(count: number): void {
    this.#read += count;
    this.droppedMs += count / this.#memory.samplesPerMs;
  }

  #sample(out: readonly Float32Array[], n: number): void {
    const { channels, fade } = this.#memory;
    const waiting = this.#isPlaying ? this.#waiting : 0;
    const wantsGain = waiting > fade && this.#skip === 0 ? 1 : 0;
    this.#gain += Math.max(-1 / fade, Math.min(1 / fade, wantsGain - this.#gain));
    if (!this.#isPlaying || waiting < 2) {
      if (this.#isPlaying) {
        this.#isPlaying = false;
        this.underruns += 1;
        this.#skip = this.#gain = 0;
      }
      for (const side of out) side[n] = 0;
      return;
    }
    if (this.#skip !== 0 && this.#gain <= 0) {
      if (this.#skip < 0) {
        this.#skip = Math.min(0, this.#skip + 1);
        for (const side of out) side[n] = 0;
        return;
      }
      this.#leaveOut(Math.min(this.#skip, waiting - 2));
      this.#skip = 0;
    }
    const whole = Math.floor(this.#read);
    const part = this.#read - whole;
    out.forEach((side, number) => {
      const channel = channels[number % CHANNELS] as Float32Array;
      const [a, b] = [channel[whole & (CAPACITY - 1)] ?? 0, channel[(whole + 1) & (CAPACITY - 1)] ?? 0];
      side[n] = (a + (b - a) * part) * this.#gain;
    });
    this.#read += this.#rate;
  }
}
