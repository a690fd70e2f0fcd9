// A page that shows who is in the room and a counter that all share.
import { useRoom } from "./useRoom.ts";

const token = async ({ signal }: { signal: AbortSignal }): Promise<string> =>
  (await fetch("/room-token", { signal })).text();

export function App({ url }: { readonly url: string }): React.ReactNode {
  const { status, room, members, values } = useRoom(url, token);
  const count = Number(values.get("count")?.value ?? 0);
  return (
    <>
      <p role="status">{status}</p>
      <ul>
        {members.map(({ user, name }) => (
          <li key={user}>{name ?? user}</li>
        ))}
      </ul>
      <button
        type="button"
        disabled={!room?.can.set("count").ok}
        onClick={() => room?.set("count", count + 1)}
      >
        {count}
      </button>
    </>
  );
}
