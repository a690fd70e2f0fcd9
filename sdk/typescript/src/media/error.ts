// What may go wrong with cameras, sound and codecs. Errors of the room are those of the client.

/** What a `MediaError` is about. */
export type MediaCode =
  | "unsupported"
  | "insecure_context"
  | "permission_denied"
  | "device_missing"
  | "device_in_use"
  | "encode_failed"
  | "decode_failed"
  | "playback_blocked"
  | "meta_invalid"
  | "frame_invalid";

const MESSAGES: Record<MediaCode, string> = {
  unsupported: "this browser cannot do it: `support()` says what it can",
  insecure_context: "cameras need https or localhost",
  permission_denied: "the user or the page's policy does not allow it",
  device_missing: "there is no such device",
  device_in_use: "the device is used by another program",
  encode_failed: "the encoder failed",
  decode_failed: "the decoder failed",
  playback_blocked:
    "the browser plays no sound before the user touched the page: call `start()` from a click",
  meta_invalid: "the stream's `meta` does not describe audio or video",
  frame_invalid: "the frame is not one of audio or video",
};

/**
 * Every error of this entry.
 *
 * ```ts
 * try {
 *   await devices.camera();
 * } catch (error) {
 *   if (error instanceof MediaError && error.code === "permission_denied") askAgain();
 * }
 * ```
 */
export class MediaError extends Error {
  override readonly name: string = "MediaError";
  /** For programs: stable. */
  readonly code: MediaCode;

  /** @internal */
  constructor(code: MediaCode, more = "", cause?: unknown) {
    const message = `${code}: ${MESSAGES[code]}${more && ` (${more})`}`;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** What the browser's errors of capturing mean. */
const CAPTURE: Record<string, MediaCode> = {
  NotAllowedError: "permission_denied",
  SecurityError: "permission_denied",
  NotFoundError: "device_missing",
  OverconstrainedError: "device_missing",
  NotReadableError: "device_in_use",
  AbortError: "device_in_use",
};

/** An error of `getUserMedia` or `getDisplayMedia`. */
export function captureError(error: unknown): MediaError {
  if (error instanceof MediaError) return error;
  const { name = "", message = "" } = error as { name?: string; message?: string };
  return new MediaError(CAPTURE[name] ?? "unsupported", message, error);
}
