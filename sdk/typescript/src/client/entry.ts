// Into the seat: the login, and the rest of its lists. Passes nothing on.
import type { Connection, Fields } from "./connection.ts";
import { KeyError, RefusedError } from "./error.ts";
import type { Cursor, Seat } from "./event.ts";
import type { ProofKey } from "./proof.ts";

/** What a login names besides what it presents. */
export interface LoginSettings {
  proofKey?: Pick<ProofKey, "prove">;
  room?: string;
  user?: string;
}

/** What logs in; nothing: the handshake's cookie. */
export interface Credential {
  token: string | undefined;
  ticket: string | undefined;
  resume: Cursor | undefined;
}

/** Takes the seat. */
export async function logIn(
  connection: Connection,
  settings: LoginSettings,
  credential: Credential,
): Promise<Seat> {
  const { proofKey, room, user } = settings;
  const presented = credential.ticket ?? credential.token;
  try {
    if (presented === undefined) return await connection.handshake<Seat>();
    return await proven(connection, { op: "login", ...credential, room, user }, presented, proofKey);
  } catch (error) {
    // The close that follows says what to do; to a refusal that asks for a proof there is none.
    if (!(error instanceof RefusedError) || error.nonce !== undefined) throw error;
    throw error.closedWith((await connection.end()).code);
  }
}

/** Asks, and once more with the proof that the relay wants. */
export async function proven<T>(
  connection: Connection,
  fields: Fields,
  presented: string,
  proofKey: LoginSettings["proofKey"] | undefined,
  then?: (answer: T) => void,
): Promise<T> {
  try {
    return await connection.ask(fields, then);
  } catch (error) {
    if (!(error instanceof RefusedError) || error.nonce === undefined) throw error;
    if (!proofKey) throw new KeyError("key_missing", "the token is bound to a key: give `proofKey`");
    return connection.ask({ ...fields, proof: await proofKey.prove(presented, error.nonce) }, then);
  }
}

/** Hears what completes the seat's long lists. */
export async function complete(connection: Connection, seat: Seat): Promise<void> {
  if (!seat.more) return;
  const lists: Record<string, unknown> = { published: seat.streams, state: seat.state, asked: seat.asks };
  await connection.complete(said => {
    if (said.is !== "event" || "n" in said.event) return false;
    const list = lists[said.name];
    if (!Array.isArray(list)) return false;
    list.push(said.event);
    return true;
  });
}
