// The page under strict mode, which mounts everything twice: the relay sees one login.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.tsx";

createRoot(document.querySelector("main") as HTMLElement).render(
  <StrictMode>
    <App url={document.documentElement.dataset["relay"] ?? "/v1/connect"} />
  </StrictMode>,
);
