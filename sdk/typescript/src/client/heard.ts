// What the relay said: one message, read. Pure.
import type { Refusal } from "./error.ts";

/** One message of the relay. */
export type Said =
  | {
      readonly is: "reply";
      readonly re: number | null;
      readonly ok?: unknown;
      readonly error: Refusal | undefined;
    }
  | { readonly is: "event"; readonly name: string; readonly event: Record<string, unknown> }
  | {
      readonly is: "frame";
      readonly stream: number;
      readonly keyframe: boolean;
      readonly payload: Uint8Array;
    };

/** Of a message that is none of the wire, no more is said: the connection ends. */
class Unreadable extends Error {}

const HEADER_BYTES = 6;

/** Passed on as they stand: the application's, and the grants in the form of `spec/roles.md`. */
const AS_IT_STANDS = new Set(["data", "value", "grants"]);

/** `keep_ms` becomes `keepMs`. */
function camel(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** An object of the wire, with the names of its fields in camel case. */
export function camelCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCase);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      camel(name),
      AS_IT_STANDS.has(name) ? field : camelCase(field),
    ]),
  );
}

/** Reads a message; throws if it is none of `spec/wire.md`. */
export function said(data: string | ArrayBuffer): Said {
  if (typeof data !== "string") return frame(data);
  const { ev, ...fields } = JSON.parse(data) as Record<string, unknown>;
  if (typeof ev === "string") {
    return { is: "event", name: camel(ev), event: camelCase(fields) as Record<string, unknown> };
  }
  const { re, ok, error } = fields;
  if (ok === undefined && error === undefined) throw new Unreadable();
  return {
    is: "reply",
    re: re as number | null,
    ok: camelCase(ok),
    error: camelCase(error) as Refusal | undefined,
  };
}

function frame(data: ArrayBuffer): Said {
  const view = new DataView(data);
  const flags = data.byteLength < HEADER_BYTES ? 2 : view.getUint8(1);
  if (flags > 1 || view.getUint8(0) !== 1) throw new Unreadable();
  const payload = new Uint8Array(data, HEADER_BYTES);
  return { is: "frame", stream: view.getUint32(2), keyframe: flags === 1, payload };
}

/** A data frame, written. */
export function dataFrame(stream: number, keyframe: boolean, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 1);
  view.setUint8(1, Number(keyframe));
  view.setUint32(2, stream);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}
