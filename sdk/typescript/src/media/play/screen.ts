// Where pictures go: a canvas, or a `<video>` by a track of its own.

/** How a picture is turned before it is shown: mirrored first, then clockwise. */
export interface Turn {
  readonly rotation?: 0 | 90 | 180 | 270;
  readonly flip?: boolean;
}

/** Where pictures go. */
export interface Screen {
  /** Shows a picture, and closes it. */
  show(frame: VideoFrame, turn: Turn): void;
  end(): void;
}

/** The size at which a picture is shown. Its coded size may be larger. */
export function shownSize(
  { displayWidth, displayHeight }: Pick<VideoFrame, "displayWidth" | "displayHeight">,
  { rotation = 0 }: Turn,
): { width: number; height: number } {
  return rotation % 180
    ? { width: displayHeight, height: displayWidth }
    : { width: displayWidth, height: displayHeight };
}

type AnyCanvas = HTMLCanvasElement | OffscreenCanvas;

/** Draws to a canvas, which takes the picture's size. */
export class CanvasScreen implements Screen {
  readonly #canvas: AnyCanvas;
  readonly #context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D | null;

  constructor(canvas: AnyCanvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false }) as CanvasRenderingContext2D | null;
  }

  show(frame: VideoFrame, turn: Turn): void {
    const { width, height } = shownSize(frame, turn);
    const [canvas, context] = [this.#canvas, this.#context];
    // Setting a size clears the canvas, also if it is the same.
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const { rotation = 0, flip = false } = turn;
    const { displayWidth, displayHeight } = frame;
    context?.setTransform(1, 0, 0, 1, width / 2, height / 2);
    context?.rotate((rotation * Math.PI) / 180);
    if (flip) context?.scale(-1, 1);
    context?.drawImage(frame, -displayWidth / 2, -displayHeight / 2, displayWidth, displayHeight);
    frame.close();
  }

  end(): void {}
}

/** A track that is written to; the libraries of TypeScript do not have it. */
type Generator = MediaStreamTrack & { readonly writable: WritableStream<VideoFrame> };
type GeneratorClass = new (init: { kind: "video" }) => Generator;

/** Shows pictures in a `<video>` by a track that takes frames. */
class TrackScreen implements Screen {
  readonly #element: HTMLVideoElement;
  readonly #track: Generator;
  readonly #writer: WritableStreamDefaultWriter<VideoFrame>;

  constructor(element: HTMLVideoElement, generator: GeneratorClass) {
    this.#element = element;
    this.#track = new generator({ kind: "video" });
    this.#writer = this.#track.writable.getWriter();
    attach(element, new MediaStream([this.#track]));
  }

  show(frame: VideoFrame, { rotation = 0, flip = false }: Turn): void {
    const turned = rotation || flip ? turnedFrame(frame, rotation, flip) : frame;
    // The track closes what it takes.
    this.#writer.write(turned).catch(() => turned.close());
  }

  end(): void {
    this.#track.stop();
    this.#writer.close().catch(() => {});
    detach(this.#element);
  }
}

function turnedFrame(frame: VideoFrame, rotation: number, flip: boolean): VideoFrame {
  const turned = new VideoFrame(frame, { rotation, flip } as VideoFrameInit);
  frame.close();
  return turned;
}

/** Shows pictures in a `<video>` by a canvas that is not on the page. */
class CaptureScreen extends CanvasScreen {
  readonly #element: HTMLVideoElement;

  constructor(element: HTMLVideoElement) {
    const canvas = element.ownerDocument.createElement("canvas");
    super(canvas);
    this.#element = element;
    attach(element, canvas.captureStream());
  }

  override end(): void {
    detach(this.#element);
  }
}

function attach(element: HTMLVideoElement, stream: MediaStream): void {
  element.playsInline = true;
  element.srcObject = stream;
  // There is no sound in it, so browsers let it play. Where they do not, the application's controls do.
  element.play().catch(() => {});
}

function detach(element: HTMLVideoElement): void {
  element.srcObject = null;
}

/** Pictures go to a `<video>`. */
export function elementScreen(element: HTMLVideoElement): Screen {
  const { MediaStreamTrackGenerator } = globalThis as { MediaStreamTrackGenerator?: GeneratorClass };
  return MediaStreamTrackGenerator
    ? new TrackScreen(element, MediaStreamTrackGenerator)
    : new CaptureScreen(element);
}
