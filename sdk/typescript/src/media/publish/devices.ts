// Cameras, microphones and screens. Asks the browser for nothing before it is asked itself.
import { Emitter } from "../../client/emitter.ts";
import { captureError, MediaError } from "../error.ts";

/** A camera, a microphone or a loudspeaker. */
export interface Device {
  readonly kind: "camera" | "microphone" | "speaker";
  readonly deviceId: string;
  /** Its name; empty before the user has allowed one of its kind. */
  readonly label: string;
}

/** What is said of devices. */
export interface DevicesEvents {
  /** One was plugged in or out: what there is now. */
  change: readonly Device[];
}

const KINDS = { videoinput: "camera", audioinput: "microphone", audiooutput: "speaker" } as const;

function media(): MediaDevices {
  const { mediaDevices } = navigator as { mediaDevices?: MediaDevices };
  if (mediaDevices) return mediaDevices;
  throw new MediaError(globalThis.isSecureContext ? "unsupported" : "insecure_context");
}

/** The one track that was asked for. */
async function first(stream: Promise<MediaStream>): Promise<MediaStreamTrack> {
  try {
    const [track] = (await stream).getTracks();
    if (track) return track;
  } catch (error) {
    throw captureError(error);
  }
  throw new MediaError("device_missing");
}

const of = ({ deviceId }: { deviceId?: string }, wish: MediaTrackConstraints): MediaTrackConstraints => ({
  ...wish,
  ...(deviceId !== undefined && { deviceId: { exact: deviceId } }),
});

/** Pictures of 720 lines, if the camera has them. */
const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };

/** The devices of this browser. */
export class Devices extends Emitter<DevicesEvents> {
  #isListening = false;

  /**
   * What there is.
   *
   * ```ts
   * const cameras = (await devices.list()).filter(({ kind }) => kind === "camera");
   * ```
   */
  async list(): Promise<Device[]> {
    const found = await media().enumerateDevices();
    return found
      .filter(({ deviceId }) => deviceId)
      .map(({ kind, deviceId, label }) => ({ kind: KINDS[kind], deviceId, label }));
  }

  /**
   * A camera: the default one, or this one.
   *
   * ```ts
   * const track = await devices.camera();
   * ```
   *
   * @throws `MediaError` `insecure_context`, `permission_denied`, `device_missing`, `device_in_use`.
   */
  async camera(device: { deviceId?: string } = {}): Promise<MediaStreamTrack> {
    return first(media().getUserMedia({ video: of(device, CAMERA) }));
  }

  /**
   * A microphone: the default one, or this one.
   *
   * ```ts
   * const track = await devices.microphone();
   * ```
   *
   * @throws As `camera`.
   */
  async microphone(device: { deviceId?: string } = {}): Promise<MediaStreamTrack> {
    return first(media().getUserMedia({ audio: of(device, {}) }));
  }

  /**
   * A screen, a window or a tab that the user chooses; only from a click.
   *
   * ```ts
   * button.onclick = async () => publishTrack(room, await devices.screen());
   * ```
   *
   * @throws As `camera`.
   */
  async screen(): Promise<MediaStreamTrack> {
    const shared = media();
    if (!shared.getDisplayMedia) throw new MediaError("unsupported", "no screen can be shared");
    return first(shared.getDisplayMedia({ video: true }));
  }

  override on<K extends keyof DevicesEvents>(
    name: K,
    listener: (event: DevicesEvents[K]) => void,
  ): () => void {
    if (!this.#isListening) {
      media().addEventListener("devicechange", async () => this.emit("change", await this.list()));
      this.#isListening = true;
    }
    return super.on(name, listener);
  }
}

/**
 * Cameras, microphones and screens.
 *
 * ```ts
 * devices.on("change", show);
 * const camera = await devices.camera();
 * ```
 */
export const devices: Devices = /* @__PURE__ */ new Devices();

/** The default device of a track's kind. */
export function defaultDevice(kind: string): Promise<MediaStreamTrack> {
  return kind === "audio" ? devices.microphone() : devices.camera();
}

/** Whether a track is of a camera or a microphone, and not of a screen or a canvas. */
export async function isDevice(track: MediaStreamTrack): Promise<boolean> {
  const { deviceId } = track.getSettings();
  return !!deviceId && (await devices.list().catch(() => [])).some(device => device.deviceId === deviceId);
}
