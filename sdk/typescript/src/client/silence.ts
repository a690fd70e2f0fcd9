// How long nothing was heard, in awake time, and what follows. Pure: steps are given.

/** The silence of a connection. */
export class Silence {
  readonly #maxMs: number;
  #quietMs = 0;

  /** After `maxMs` of awake time without a byte the relay is to be asked whether it is there. */
  constructor(maxMs: number) {
    this.#maxMs = maxMs;
  }

  /** How long until there is something to decide: a quarter of the patience. */
  get stepMs(): number {
    return this.#maxMs / 4;
  }

  /** Something came. */
  heard(): void {
    this.#quietMs = 0;
  }

  /** A step went by; whether the relay is to be asked. */
  step(): boolean {
    this.#quietMs += this.stepMs;
    if (this.#quietMs < this.#maxMs) return false;
    this.#quietMs = 0;
    return true;
  }
}
