// Listeners by name, and a bounded queue for those who read in a loop. Knows nothing of rooms.

/** Reports an error as an uncaught one, so that it stops nobody else. */
export function uncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/**
 * Something that can be listened to. A listener that throws stops nobody else: its error is reported as uncaught.
 *
 * ```ts
 * const stop = room.on("message", ({ data }) => console.log(data));
 * stop();
 * ```
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  /** Calls `listener` for each event of this name; what it returns takes that back. */
  on<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => this.off(name, listener);
  }

  /** Calls `listener` for the next event of this name; without one, a promise of it. */
  once<K extends keyof Events>(name: K): Promise<Events[K]>;
  once<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): () => void;
  once<K extends keyof Events>(
    name: K,
    listener?: (event: Events[K]) => void,
  ): Promise<Events[K]> | (() => void) {
    if (!listener) return new Promise(resolve => this.once(name, resolve));
    const stop = this.on(name, event => {
      stop();
      listener(event);
    });
    return stop;
  }

  /** Takes a listener back. */
  off<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): void {
    this.#listeners.get(name)?.delete(listener);
  }

  /** Whether anybody listens. @internal */
  listens(name: keyof Events): boolean {
    return !!this.#listeners.get(name)?.size;
  }

  /** Calls the listeners of this name. @internal */
  emit<K extends keyof Events>(name: K, event: Events[K]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (event: Events[K]) => void)(event);
      } catch (error) {
        uncaught(error);
      }
    }
  }
}

/** What waits for a reader: at most `max`, the oldest is let go. */
export class Queue<T> implements AsyncIterableIterator<T, void> {
  readonly #waiting: T[] = [];
  readonly #readers: ((result: IteratorResult<T, void>) => void)[] = [];
  readonly #max: number;
  readonly #returned: () => void;
  #over = false;
  /** How many were let go. */
  letGo = 0;

  /** `returned` is called when the reader stops. */
  constructor(max: number, returned: () => void = () => {}) {
    this.#max = max;
    this.#returned = returned;
  }

  /** Adds one. */
  push(value: T): void {
    if (this.#over) return;
    const reader = this.#readers.shift();
    if (reader) reader({ done: false, value });
    else this.#waiting.push(value);
    if (this.#waiting.length > this.#max) {
      this.#waiting.shift();
      this.letGo += 1;
    }
  }

  /** What waits, taken out. */
  take(): T[] {
    return this.#waiting.splice(0);
  }

  /** Nothing more comes; what waits can still be read. */
  end(): void {
    this.#over = true;
    for (const reader of this.#readers.splice(0)) reader({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<T, void>> {
    if (this.#waiting.length) return Promise.resolve({ done: false, value: this.#waiting.shift() as T });
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    return new Promise(resolve => this.#readers.push(resolve));
  }

  return(): Promise<IteratorResult<T, void>> {
    this.#waiting.length = 0;
    this.end();
    this.#returned();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
