// The page: which room and who, by the address; then the seat, and what is shown of it.
import { type Closed, type Room, type StagedoorError, TokenDenied } from "@stagedoor/sdk/client";
import { $, view } from "./dom.ts";
import { cut } from "./line.ts";
import { log, showCode } from "./log.ts";
import { startPanel } from "./panel.ts";
import { People } from "./people.ts";
import { letTokenEnd, type Place, sit } from "./seat.ts";
import { Stage } from "./stage.ts";
import "./style.css";
import { startTalk } from "./talk.ts";

const OFFLINE_MS = 10_000;
const WORDS = "amber birch cedar delta ember fjord grove haven ivory jade lunar".split(" ");

/** Whom the backend knows. */
const USER = /^(teacher|student(-\d+)?)$/;

/** `/room/{room}/{user}`; a room of its own for `/`. */
function place(): Place {
  const [, , room, user = ""] = location.pathname.split("/").map(decoded);
  const word = () => WORDS[Math.floor(Math.random() * WORDS.length)];
  return {
    room: room || `${word()}-${word()}-${Math.floor(Math.random() * 1000)}`,
    user: USER.test(user) ? user : "",
  };
}

/** A part of the path; nothing if it is malformed. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

const path = (...parts: string[]) => `/room/${parts.map(encodeURIComponent).join("/")}`;

function opening({ room }: Place): void {
  history.replaceState(null, "", path(room));
  $("name").textContent = room;
  $<HTMLAnchorElement>("teach").href = path(room, "teacher");
  $<HTMLAnchorElement>("attend").href = path(room, "student");
  view("opening");
}

/** What a close means to a person; the page remembers it over a reload, so that it does not ask again by itself. */
const ENDS: Record<string, [string, string]> = {
  kicked: ["You were removed", "The token that you used opens this room no more."],
  banned: ["You are banned", "No token opens this room for you, and the backend gets none."],
  declined: ["You were not let in", "A teacher answered no."],
  replaced: ["You are in another tab", "The same user logged in again, and a user has one seat here."],
  room_closed: ["The class is over", "A teacher closed the room."],
};

function out(at: Place, { code, reason }: Pick<Closed, "code" | "reason">): void {
  const [why, because] = ENDS[reason] ?? ["You are out", `The relay said: ${reason}.`];
  $("why").textContent = why;
  $("because").textContent = `${because} (${[code || "", reason].join(" ").trim()})`;
  $("again").textContent = reason === "replaced" ? "Take the seat back" : "Ask to come in again";
  $("again").onclick = () => {
    sessionStorage.removeItem(ended(at));
    location.reload();
  };
  $("status").textContent = reason;
  view("out");
  $("again").focus();
}

const ended = ({ room, user }: Place) => `ended:${room}/${user}`;

async function enter(at: Place): Promise<void> {
  const before = sessionStorage.getItem(ended(at));
  if (before) return out(at, JSON.parse(before) as Closed);
  try {
    const room = await sit(at);
    history.replaceState(null, "", path(at.room, at.user));
    $("where").textContent = `${at.room}: ${at.user}`;
    document.title = `${at.user}, ${at.room}: Stagedoor`;
    room.on("closed", closed => {
      if (closed.reason !== "left") sessionStorage.setItem(ended(at), JSON.stringify(closed));
      out(at, closed);
    });
    view("class");
    show(room, at);
  } catch (error) {
    const { code, message } = error as StagedoorError;
    out(at, { code: 0, reason: error instanceof TokenDenied ? message : code });
  }
}

function show(room: Room, at: Place): void {
  const teaches = room.can.moderate("admit").ok;
  $("to").textContent = teaches ? "To everybody" : "To the teachers";
  tell(room);
  startPanel(room);
  new People(room, at.room);
  startTalk(room, () => room.can.set("slide").ok);
  new Stage(room);
  const status = () => {
    $("status").textContent = `${room.status}, ${room.count} here`;
    for (const id of ["back", "next"]) $<HTMLButtonElement>(id).disabled = !room.can.set("slide").ok;
  };
  for (const event of ["status", "joined", "left", "grantsChanged"] as const) room.on(event, status);
  status();
  showCode("sit");
  $("takeover").onclick = () => window.open(location.href, "_blank", "noopener");
  $("offline").onclick = () => cut(OFFLINE_MS);
  $("expire").onclick = () => {
    showCode("letTokenEnd");
    void letTokenEnd(room);
  };
}

/** What the client says, in words. */
function tell(room: Room): void {
  room.on("status", ({ status, before }) => log(`${before} → ${status}`));
  room.on("grantsChanged", ({ role, why, by }) => log(`you are ${role} now: ${why}${by ? ` by ${by}` : ""}`));
  room.on("tokenExpiring", ({ exp, now }) => log(`the token ends in ${exp - now} s: another is asked for`));
  room.on("tokenRevoked", () => log("the token is revoked: another is asked for"));
  room.on("renewed", () => log("the seat goes on with a new token"));
  room.on("renewFailed", ({ error }) => log(`no new token: ${error.message}`));
  room.on("reconnecting", ({ because, delayMs }) =>
    log(`the connection is lost (${because.code}): again in ${Math.round(delayMs)} ms`),
  );
  room.on("reconnected", ({ eventsResumed, streamsBegunAnew }) =>
    log(
      `back: ${eventsResumed ? "nothing was missed" : "some events were missed"}, ${streamsBegunAnew.length} streams begun anew`,
    ),
  );
  room.on("joined", ({ members }) => come(members.map(({ user }) => user)));
  room.on("left", ({ users }) => log(`${users.join(", ")} left`));
  const come = (users: string[]) => {
    const others = users.filter(user => user !== room.me?.user);
    if (others.length) log(`${others.join(", ")} came`);
  };
}

const at = place();
if (at.user) void enter(at);
else opening(at);
