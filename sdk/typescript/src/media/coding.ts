// What encoders and decoders have in common: when one has failed too often, and how it is closed. Times are given, in
// milliseconds.

/** A codec that fails this often in this time is given up. */
const FAILURES_MAX = 3;
const WITHIN_MS = 10_000;

/** How often something failed lately. */
export class Failures {
  #atMs: number[] = [];

  /** It failed; whether that was once too often. */
  add(nowMs: number): boolean {
    this.#atMs = [...this.#atMs.filter(atMs => nowMs - atMs < WITHIN_MS), nowMs];
    return this.#atMs.length >= FAILURES_MAX;
  }
}

/** Closes an encoder or decoder, unless it has closed itself. */
export function shut(codec: { readonly state: CodecState; close(): void } | undefined): void {
  if (codec && codec.state !== "closed") codec.close();
}
