// The pictures: one's own, and those of everybody who publishes; with the buttons for camera, sound and hand.
import type { Room } from "@stagedoor/sdk/client";
import { devices, type MediaError, type MediaPublisher, type Player } from "@stagedoor/sdk/media";
import { $, button, el } from "./dom.ts";
import { act, log } from "./log.ts";
import { drawPattern } from "./pattern.ts";
import { sendPicture, sendSound, sent, shown, watch } from "./video.ts";

const LOOK_MS = 500;

/** A picture on the page. */
interface Shown {
  readonly figure: HTMLElement;
  readonly words: HTMLElement;
  end(): void;
}

interface Sent extends Shown {
  media?: MediaPublisher;
}

interface Seen extends Shown {
  player?: Player;
}

export class Stage {
  readonly #room: Room;
  readonly #others = new Map<string, Seen>();
  #mine: Sent | undefined;
  #sound: MediaPublisher | undefined;
  #isMuted = false;

  constructor(room: Room) {
    this.#room = room;
    $("camera").addEventListener("click", () => this.#toggleCamera());
    $("sound").addEventListener("click", () => this.#toggleSound());
    $("hand").addEventListener("click", () => this.#toggleHand());
    for (const event of ["published", "unpublished", "status", "subscribed"] as const) {
      room.on(event, () => this.#sync());
    }
    room.on("grantsChanged", ({ why }) => {
      this.#isMuted = why === "muted" || (why === "renewed" && this.#isMuted);
      this.show();
    });
    room.on("askEnded", ({ user, outcome }) => {
      // An admission ends a wait in the same way.
      if (user !== room.me?.user || $("hand").ariaPressed !== "true") return;
      log(`your hand is down: ${outcome}`);
      $("hand").ariaPressed = "false";
    });
    room.on("closed", () => this.#end());
    const timer = setInterval(() => this.#look(), LOOK_MS);
    room.on("closed", () => clearInterval(timer));
    this.#sync();
    if (room.grants?.role === "teacher") void this.#toggleCamera();
  }

  /** Enables what the grants allow; the relay decides. A muted publisher stays, and goes on when it is unmuted. */
  show(): void {
    const { can, me, waiting } = this.#room;
    const may = (name: string, kind: "video" | "audio") =>
      !waiting && can.publish(`${name}.${me?.user}`, kind).ok;
    if (!may("picture", "video") && !this.#isMuted) this.#stopMine();
    if (!may("voice", "audio") && !this.#isMuted) this.#stopSound();
    $<HTMLButtonElement>("camera").disabled = !may("picture", "video") && !this.#mine;
    $<HTMLButtonElement>("sound").disabled = !may("voice", "audio") && !this.#sound;
    $("hand").hidden = !can.ask("presenter").ok;
    $<HTMLButtonElement>("hand").disabled = waiting;
    $("wait").hidden = !waiting;
  }

  async #toggleCamera(): Promise<void> {
    if (this.#mine) return this.#stopMine();
    const { note, picture, source, end } = await open(this.#room.me?.name ?? "");
    $("note").textContent = note;
    const mine: Sent = this.#figure("You", picture, end);
    this.#mine = mine;
    $("camera").ariaPressed = "true";
    await act("sendPicture", "your picture is published", async () => {
      const media = await sendPicture(this.#room, source);
      if (this.#mine === mine) mine.media = media;
      else media.end();
    });
    if (!mine.media) mine.words.textContent = "drawn here alone: nothing is published";
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
      this.#sound = await sendSound(this.#room, await devices.microphone());
      $("sound").ariaPressed = "true";
    });
  }

  #stopSound(): void {
    this.#sound?.track.stop();
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
    for (const user of users) if (!this.#others.has(user)) this.#meet(user);
  }

  #meet(user: string): void {
    const canvas = document.createElement("canvas");
    const shown: Seen = this.#figure(user, canvas, () => {});
    this.#others.set(user, shown);
    try {
      const player = watch(this.#room, user, canvas);
      player.on(
        "state",
        ({ state, error }) => state === "ended" && error && log(`${user}: ${error.message}`),
      );
      shown.player = player;
    } catch (error) {
      log(`no picture of ${user}: ${error instanceof Error ? error.message : error}`);
    }
  }

  #forget(user: string, shown: Seen): void {
    shown.player?.end();
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
    if (this.#mine?.media) this.#mine.words.textContent = sent(this.#mine.media);
    for (const { figure, words, player } of this.#others.values()) {
      if (!player) continue;
      words.textContent = shown(player);
      const held = figure.querySelector("button");
      if (player.state !== "blocked") held?.remove();
      else if (!held) figure.append(button("Play the sound", () => player.start()));
    }
  }

  #end(): void {
    this.#stopMine();
    this.#stopSound();
    for (const [user, shown] of this.#others) this.#forget(user, shown);
  }
}

/** The camera; or a drawn pattern, and why. */
async function open(name: string): Promise<{
  note: string;
  picture: HTMLElement;
  source: MediaStreamTrack | HTMLCanvasElement;
  end(): void;
}> {
  try {
    const track = await devices.camera();
    const video = document.createElement("video");
    video.srcObject = new MediaStream([track]);
    video.muted = video.autoplay = video.playsInline = true;
    return { note: "", picture: video, source: track, end: () => track.stop() };
  } catch (error) {
    const { canvas, end } = drawPattern(name);
    const note = `A pattern is drawn, because there is no camera. ${(error as MediaError).message}.`;
    return { note, picture: canvas, source: canvas, end };
  }
}
