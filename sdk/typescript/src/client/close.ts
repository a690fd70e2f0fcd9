// What to do after a close, told by the range of its code (`spec/wire.md` §Close codes). Pure.
import type { Next } from "../spec.ts";

/** What to do after a close with this code, known or not; 0 is a connection that broke. */
export function nextAfter(code: number): Next {
  if (code >= 4000 && code < 4400) {
    return (["now", "later", "token", "stop"] as const)[Math.floor(code / 100) - 40] ?? "later";
  }
  return code === 1002 || code === 1003 || (code >= 1007 && code <= 1010) ? "stop" : "later";
}
