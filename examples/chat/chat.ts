// A chat in thirty lines, without a framework. Names and texts are of strangers: they become text, never markup.
import { connect } from "@stagedoor/sdk/client";

const form = document.querySelector("form") as HTMLFormElement;
const input = document.querySelector("input") as HTMLInputElement;
const list = document.querySelector("ol") as HTMLOListElement;
const status = document.querySelector("p") as HTMLParagraphElement;

const room = await connect({
  url: document.documentElement.dataset["relay"] ?? "/v1/connect",
  token: async ({ signal }) => (await fetch("/room-token", { signal })).text(),
  retryFirst: true,
});

function show(): void {
  status.textContent = `${room.status}, ${room.count} here`;
}
for (const event of ["status", "joined", "left"] as const) room.on(event, show);
show();

room.on("message", ({ from, data }) => {
  const line = document.createElement("li");
  line.textContent = `${from?.name ?? from?.user ?? "the house"}: ${data}`;
  list.append(line);
});

form.addEventListener("submit", event => {
  event.preventDefault();
  room.send("room", input.value).then(
    () => form.reset(),
    error => (status.textContent = error.message),
  );
});
