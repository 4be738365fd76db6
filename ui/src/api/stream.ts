import { useEffect, useState } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { addressOf } from "./client";
import { sourceKey } from "./sources";

/** At most one refresh in this time, however busy the identity provider is. */
const REFRESH_EVERY_MS = 1_000;
/** Some of it follows the event: the use of a token is written down within a second. */
const SETTLED_AFTER_MS = 1_500;
/** How often to look while no stream is open. */
const POLL_EVERY_MS = 10_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/**
 * Keeps all that is shown of one source fresh: each event of its stream refreshes the queries
 * below `sourceKey(slug)`. Reconnects by itself; polls while there is no connection; rests while
 * the tab is hidden, as a browser opens only six connections to a server over HTTP/1.1.
 * Returns whether the stream is open.
 */
export function useSourceStream(slug: string): boolean {
  const client = useQueryClient();
  const [live, setLive] = useState(false);

  useEffect(() => {
    let stream: EventSource | null = null;
    let wait = FIRST_WAIT_MS;
    let refreshTimer: ReturnType<typeof setTimeout> | undefined;
    let settledTimer: ReturnType<typeof setTimeout> | undefined;
    let reconnectTimer: ReturnType<typeof setTimeout> | undefined;
    let lastRefresh = 0;

    const refresh = () => {
      if (refreshTimer !== undefined) return;
      const due = Math.max(0, lastRefresh + REFRESH_EVERY_MS - Date.now());
      refreshTimer = setTimeout(() => {
        refreshTimer = undefined;
        lastRefresh = Date.now();
        void client.invalidateQueries({ queryKey: sourceKey(slug) });
      }, due);
    };

    const hear = () => {
      refresh();
      clearTimeout(settledTimer);
      settledTimer = setTimeout(refresh, SETTLED_AFTER_MS);
    };

    const connect = () => {
      stream = new EventSource(addressOf("/api/v1/sources/{slug}/stream", { path: { slug } }));
      stream.onopen = () => {
        wait = FIRST_WAIT_MS;
        setLive(true);
      };
      for (const event of ["request", "change", "message"]) stream.addEventListener(event, hear);
      stream.onerror = () => {
        setLive(false);
        // The browser reconnects after a broken connection by itself, but gives up after a
        // refusal (a proxy's 502, say), which passes too.
        if (stream?.readyState !== EventSource.CLOSED) return;
        reconnectTimer = setTimeout(connect, wait);
        wait = Math.min(wait * 2, LONGEST_WAIT_MS);
      };
    };

    const disconnect = () => {
      clearTimeout(reconnectTimer);
      clearTimeout(refreshTimer);
      clearTimeout(settledTimer);
      refreshTimer = undefined;
      stream?.close();
      stream = null;
    };

    const followVisibility = () => {
      disconnect();
      if (document.hidden) return;
      connect();
      // What happened meanwhile.
      refresh();
    };

    if (!document.hidden) connect();
    document.addEventListener("visibilitychange", followVisibility);
    const poll = setInterval(() => {
      if (!document.hidden && stream?.readyState !== EventSource.OPEN) refresh();
    }, POLL_EVERY_MS);

    return () => {
      document.removeEventListener("visibilitychange", followVisibility);
      clearInterval(poll);
      disconnect();
    };
  }, [client, slug]);

  return live;
}
