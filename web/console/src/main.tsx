import "./styles";

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";

import { App } from "./app";
import { Themed } from "./theme";

const nonce = document.querySelector<HTMLMetaElement>('meta[name="nonce"]')?.content ?? "";
// What keeps the page behind a dialog from scrolling makes a style element of its own, and looks for it there.
Object.assign(globalThis, { __webpack_nonce__: nonce });

const client = new QueryClient({ defaultOptions: { queries: { retry: 1, refetchOnWindowFocus: false } } });

const root = document.getElementById("app");
if (root) {
  createRoot(root).render(
    <QueryClientProvider client={client}>
      <Themed nonce={nonce}>
        <App />
      </Themed>
    </QueryClientProvider>,
  );
}
