// The pictures: one's own, and those of everybody who publishes; with the buttons for camera, sound and hand.
import type { Room } from "@stagedoor/sdk/client";
import { $, button, el } from "./dom.ts";
import { act, log } from "./log.ts";
import { drawPattern } from "./pattern.ts";
import { type Incoming, type Outgoing, sendPicture, sendSound, watch } from "./video.ts";

const LOOK_MS = 500;

/** A picture on the page. */
interface Shown {
  readonly figure: HTMLElement;
  readonly words: HTMLElement;
  media?: Outgoing | Incoming;
  end(): void;
}

export class Stage {
  readonly #room: Room;
  readonly #others = new Map<string, Shown>();
  #mine: Shown | undefined;
  #sound: Outgoing | undefined;

  constructor(room: Room) {
    this.#room = room;
    $("camera").addEventListener("click", () => this.#toggleCamera());
    $("sound").addEventListener("click", () => this.#toggleSound());
    $("hand").addEventListener("click", () => this.#toggleHand());
    for (const event of ["published", "unpublished", "status", "subscribed"] as const) {
      room.on(event, () => this.#sync());
    }
    room.on("grantsChanged", () => this.show());
    room.on("askEnded", ({ user, outcome }) => {
      if (user !== room.me?.user) return;
      log(`your hand is down: ${outcome}`);
      $("hand").ariaPressed = "false";
    });
    room.on("closed", () => this.#end());
    const timer = setInterval(() => this.#look(), LOOK_MS);
    room.on("closed", () => clearInterval(timer));
    this.#sync();
    if (room.grants?.role === "teacher") void this.#toggleCamera();
  }

  /** What may be pressed is what the grants say; the relay decides. */
  show(): void {
    const { can, me, waiting } = this.#room;
    const may = (name: string, kind: "video" | "audio") =>
      !waiting && can.publish(`${name}.${me?.user}`, kind).ok;
    if (!may("picture", "video")) this.#stopMine();
    if (!may("voice", "audio")) this.#stopSound();
    $<HTMLButtonElement>("camera").disabled = !may("picture", "video");
    $<HTMLButtonElement>("sound").disabled = !may("voice", "audio");
    $("hand").hidden = !can.ask("presenter").ok;
    $<HTMLButtonElement>("hand").disabled = waiting;
    $("wait").hidden = !waiting;
  }

  async #toggleCamera(): Promise<void> {
    if (this.#mine) return this.#stopMine();
    const { note, picture, source, end } = await open(this.#room.me?.name ?? "");
    $("note").textContent = note;
    const mine = this.#figure("You", picture, end);
    this.#mine = mine;
    $("camera").ariaPressed = "true";
    await act("sendPicture", "your picture is published", async () => {
      const media = await sendPicture(this.#room, source);
      if (this.#mine === mine) mine.media = media;
      else media.end();
    });
    if (!mine.media) this.#stopMine();
  }

  #stopMine(): void {
    this.#mine?.media?.end();
    this.#mine?.end();
    this.#mine = undefined;
    $("camera").ariaPressed = "false";
  }

  async #toggleSound(): Promise<void> {
    if (this.#sound) return this.#stopSound();
    await act("sendSound", "your sound is published", async () => {
      const track = await device("audio");
      if (typeof track === "string") throw new Error(track);
      this.#sound = await sendSound(this.#room, track);
      $("sound").ariaPressed = "true";
    });
  }

  #stopSound(): void {
    this.#sound?.end();
    this.#sound = undefined;
    $("sound").ariaPressed = "false";
  }

  async #toggleHand(): Promise<void> {
    const isUp = $("hand").ariaPressed === "true";
    const run = () => (isUp ? this.#room.unask() : this.#room.ask("presenter"));
    $("hand").ariaPressed = String(!isUp);
    await act("raiseHand", isUp ? "your hand is down" : "your hand is up", run);
  }

  /** One picture for each user that publishes. */
  #sync(): void {
    this.show();
    const { me, streams } = this.#room;
    const users = new Set(
      [...streams.values()].filter(({ kind }) => kind !== "data").map(({ user }) => user),
    );
    users.delete(me?.user ?? "");
    for (const [user, shown] of this.#others) if (!users.has(user)) this.#forget(user, shown);
    for (const user of users) if (!this.#others.has(user)) void this.#meet(user);
  }

  async #meet(user: string): Promise<void> {
    const canvas = document.createElement("canvas");
    const shown = this.#figure(user, canvas, () => {});
    this.#others.set(user, shown);
    try {
      const media = await watch(this.#room, user, canvas);
      if (this.#others.get(user) !== shown) return media.end();
      shown.media = media;
    } catch (error) {
      this.#forget(user, shown);
      log(`no picture of ${user}: ${error instanceof Error ? error.message : error}`);
    }
  }

  #forget(user: string, shown: Shown): void {
    shown.media?.end();
    shown.end();
    this.#others.delete(user);
  }

  #figure(name: string, picture: HTMLElement, end: () => void): Shown {
    picture.role = "img";
    picture.ariaLabel = `Picture: ${name}`;
    const words = el("span");
    const figure = el("figure", picture, el("figcaption", el("b", name), " ", words));
    $("pictures").append(figure);
    return {
      figure,
      words,
      end: () => {
        end();
        figure.remove();
      },
    };
  }

  /** What is measured, twice a second. */
  #look(): void {
    for (const { figure, words, media } of [this.#mine, ...this.#others.values()].filter(one => !!one)) {
      words.textContent = media?.words() ?? "";
      const held = figure.querySelector("button");
      if (!media || !("isBlocked" in media)) continue;
      if (!media.isBlocked()) held?.remove();
      else if (!held) figure.append(button("Play the sound", () => media.start()));
    }
  }

  #end(): void {
    this.#stopMine();
    this.#stopSound();
    for (const [user, shown] of this.#others) this.#forget(user, shown);
  }
}

/** A camera or a microphone; or why there is none. */
async function device(kind: "video" | "audio"): Promise<MediaStreamTrack | string> {
  if (!navigator.mediaDevices)
    return "this browser gives cameras and microphones to https and localhost alone";
  const wanted = kind === "video" ? { video: { width: 1280, height: 720 } } : { audio: true };
  try {
    const stream = await navigator.mediaDevices.getUserMedia(wanted);
    return stream.getTracks()[0] ?? "there is none";
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    return name === "NotAllowedError" ? "the camera is not allowed" : "there is no camera";
  }
}

/** The camera, or a drawn pattern and why. */
async function open(name: string): Promise<{
  note: string;
  picture: HTMLElement;
  source: MediaStreamTrack | HTMLCanvasElement;
  end(): void;
}> {
  const track = await device("video");
  if (typeof track === "string") {
    const { canvas, end } = drawPattern(name);
    return { note: `A pattern is drawn: ${track}.`, picture: canvas, source: canvas, end };
  }
  const video = document.createElement("video");
  video.srcObject = new MediaStream([track]);
  video.muted = video.autoplay = video.playsInline = true;
  return { note: "", picture: video, source: track, end: () => track.stop() };
}
