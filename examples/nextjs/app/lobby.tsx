"use client";
// The part that runs in the browser, and joins the room there.
import { connect, type Status } from "@stagedoor/sdk/client";
import { useEffect, useState } from "react";

export function Lobby({ canConnect }: { canConnect: boolean }) {
  const [status, setStatus] = useState<Status>("connecting");
  useEffect(() => {
    const mount = new AbortController();
    const { signal } = mount;
    const token = async () => (await fetch("/room-token", { signal })).text();
    connect({ url: "/v1/connect", token, signal, retryFirst: true }).then(
      room => {
        setStatus(room.status);
        room.on("status", ({ status }) => setStatus(status));
      },
      () => signal.aborted || setStatus("closed"),
    );
    return () => mount.abort();
  }, []);
  return <p role="status">{canConnect ? status : "no client"}</p>;
}
