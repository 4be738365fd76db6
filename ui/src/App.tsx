import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "react-router/dom";
import { ApiError, whenSessionIsLost } from "./api/client";
import { sessionKey, signedOut } from "./api/session";
import { nonce } from "./nonce";
import { router } from "./routes";
import { cssVariables, theme } from "./theme";

// The same key as in public/assets/color-scheme-1.js, which acts before the first paint.
const colorScheme = localStorageColorSchemeManager({ key: "headwater-color-scheme" });

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      // A refusal stays one; only a lost connection or a failing server is worth another try.
      retry: (failures, error) =>
        failures < 2 && (!(error instanceof ApiError) || error.status === 0 || error.status >= 500),
    },
  },
});

whenSessionIsLost(() => queries.setQueryData(sessionKey, signedOut));

export function App() {
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      colorSchemeManager={colorScheme}
      defaultColorScheme="auto"
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={queries}>
        <Notifications position="bottom-right" />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  );
}
