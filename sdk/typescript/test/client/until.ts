// Waits for an event of a certain kind.
import type { Emitter } from "../../src/client/emitter.ts";

/** The first event of this name for which `is` holds. */
export function until<E extends object, K extends keyof E>(
  emitter: Pick<Emitter<E>, "on">,
  name: K,
  is: (event: E[K]) => boolean = () => true,
): Promise<E[K]> {
  return new Promise(resolve => {
    const stop = emitter.on(name, event => {
      if (!is(event)) return;
      stop();
      resolve(event);
    });
  });
}
