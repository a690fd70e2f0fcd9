// Logs in by the link that this page was opened with. Its secret stands in the fragment, which no browser sends, and
// goes from there into one request and nowhere else.
"use strict";

const [said, enter, leave] = ["said", "in", "out"].map((id) => document.getElementById(id));
const link = location.hash.slice(1);
if (link) history.replaceState(null, "", location.pathname);

const ask = (method, path, body) =>
  fetch(path, {
    method,
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", "X-Stagedoor-Console": "1" },
    body: body && JSON.stringify(body),
  });

const problem = async (answer) => {
  const { detail, code } = await answer.json().catch(() => ({}));
  said.textContent = `${detail ?? "The server did not answer."} (${code ?? answer.status})`;
};

/** Says who is logged in, if anybody is. */
async function who() {
  const answer = await fetch("/console/v1/me", { credentials: "same-origin" });
  if (!answer.ok) return false;
  const me = await answer.json();
  said.textContent = `You are logged in as ${me.name}.`;
  enter.hidden = true;
  leave.hidden = false;
  leave.onclick = async () => {
    const done = await ask("DELETE", `/console/v1/me/sessions/${me.credential_id}`);
    if (!done.ok) return problem(done);
    said.textContent = "You are logged out.";
    leave.hidden = true;
  };
  return true;
}

if (link.startsWith("sdlnk_")) {
  // A click, so that a program that looks at links does not use this one up.
  said.textContent = "This link logs you in once.";
  enter.hidden = false;
  enter.focus();
  enter.onclick = async () => {
    enter.disabled = true;
    const answer = await ask("POST", "/v1/session", { link });
    if (answer.ok) await who();
    else {
      enter.hidden = true;
      await problem(answer);
    }
  };
} else {
  await who();
}
