// The classroom's backend in Node: it decides who teaches and who attends, and signs what Stagedoor enforces. A real
// one knows its users by their sessions; this one believes what the page says, as the one in `stagedoor dev` does.

import { Key, Keys, mint, TokenFault, verify } from "@stagedoor/sdk/token";

/** What the page sends: a room and a user, `teacher`, `student`, or `student-` and a number. */
interface Asked {
  readonly room: string;
  readonly user: string;
  readonly ttl_s?: number;
}

/** The app, its key, and where the HTTP API is. The API key needs the scope `tokens:revoke`. */
export interface Settings {
  readonly app: number;
  readonly kid: string;
  readonly secret: string;
  readonly url: string;
  readonly apiKey: string;
}

/** Short, so that you see tokens end and be renewed. */
const TTL_S = 90;

/** A handler of the web's own Request and Response: `POST /classroom/token`, `/classroom/revoke`, `/classroom/let-in`. */
export async function backend(settings: Settings): Promise<(request: Request) => Promise<Response>> {
  const key = await Key.hs256(settings);
  const keys = new Keys([key]);
  let students = 0;

  /** Calls Stagedoor. */
  async function call(method: string, path: string, body?: unknown): Promise<Response> {
    const headers = { authorization: `Bearer ${settings.apiKey}`, "content-type": "application/json" };
    const url = `${settings.url}/v1/apps/${settings.app}/${path}`;
    const answer = await fetch(url, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
    return answer;
  }

  /** Mints by who asks. */
  async function token({ room, user, ttl_s = TTL_S }: Asked): Promise<Response> {
    if (!/^(teacher|student(-\d{1,15})?)$/.test(user)) return text("nobody of this name belongs here", 403);
    if (user === "student") students += 1;
    const sub = user === "student" ? `student-${students}` : user;
    const role = user === "teacher" ? "teacher" : "student";
    return text(await mint(key, { room, sub, name: sub, role }, { ttlS: Math.min(ttl_s, TTL_S) }));
  }

  /** Revoking takes a token of a teacher of this room. */
  async function teaches(request: Request, room: string): Promise<boolean> {
    const bearer = request.headers.get("authorization")?.replace("Bearer ", "") ?? "";
    return (await verify(bearer, keys, { room })).role === "teacher";
  }

  /** Makes every token that a user has so far worthless, or lifts its bans. */
  async function change(act: string, request: Request, { room, user }: Asked): Promise<Response> {
    if (!(await teaches(request, room))) return text("only teachers may do this", 403);
    const target = { room_user: { room, user } };
    if (act === "revoke") await call("POST", "revocations", { target });
    else {
      const { items } = (await (await call("GET", "revocations?limit=200")).json()) as { items: Ban[] };
      const isTheirs = (of: Ban) => of.target.room_user?.room === room && of.target.room_user.user === user;
      for (const of of items)
        if (of.ban && isTheirs(of)) await call("DELETE", `revocations/${of.generation}`);
    }
    return new Response(null, { status: 204 });
  }

  return async request => {
    const act = /^\/classroom\/(token|revoke|let-in)$/.exec(new URL(request.url).pathname)?.[1];
    if (!act) return text("not found", 404);
    if (request.method !== "POST") return text("use POST", 405);
    try {
      const asked = (await request.json()) as Asked;
      return await (act === "token" ? token(asked) : change(act, request, asked));
    } catch (fault) {
      if (fault instanceof TokenFault) return text(fault.message, act === "token" ? 422 : 403);
      throw fault;
    }
  };
}

interface Ban {
  readonly generation: number;
  readonly ban: boolean;
  readonly target: { readonly room_user?: { readonly room: string; readonly user: string } };
}

const text = (words: string, status = 200) =>
  new Response(words, { status, headers: { "content-type": "text/plain", "cache-control": "no-store" } });
