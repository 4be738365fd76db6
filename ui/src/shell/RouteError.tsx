import { Button } from "@mantine/core";
import { useRouteError } from "react-router";
import { ErrorState } from "../components/ErrorState";

/** A page that broke, or whose code could not be fetched (after an update of the server, say). */
export function RouteError() {
  const error = useRouteError();
  const message = error instanceof Error ? error.message : String(error);
  const stale = /dynamically imported module|module script|preload/i.test(message);
  return (
    <ErrorState
      level={1}
      title={stale ? "Headwater was updated meanwhile" : "This page could not be shown"}
      error={stale ? "Reload to get its new version." : message}
      action={<Button onClick={() => window.location.reload()}>Reload</Button>}
    />
  );
}
