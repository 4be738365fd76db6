// Changes as sentences, newest first, by day. Each opens to its old and new values and its request.
import { Skeleton, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import type { Change, Page } from "../api/types";
import { ErrorState } from "../components/ErrorState";
import { ChangeItem } from "./ChangeItem";
import classes from "./ChangeList.module.css";
import { byDay } from "./days";

export interface ChangeListProps {
  /** Names the list for screen readers. */
  label: string;
  query: {
    data: Page<Change> | undefined;
    error: unknown;
    isPlaceholderData?: boolean;
    refetch: () => unknown;
  };
  empty: ReactNode;
  focus?: string;
  /** Shows the request behind a change; without it there is none to show. */
  onRequest?: (id: string) => void;
}

export function ChangeList({ label, query, empty, focus, onRequest }: ChangeListProps) {
  const changes = query.data?.items;
  if (!changes) {
    if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
    return (
      <Stack
        className={classes.frame}
        p="md"
        aria-busy
        role="status"
        aria-label={`Loading ${label}`}
      >
        {Array.from({ length: 6 }, (_, index) => (
          <Skeleton key={index} h={20} w={`${40 + ((index * 29) % 45)}%`} />
        ))}
      </Stack>
    );
  }
  if (changes.length === 0) return <div className={classes.frame}>{empty}</div>;
  return (
    <section
      aria-label={label}
      aria-busy={query.isPlaceholderData}
      data-stale={query.isPlaceholderData || undefined}
      className={classes.days}
    >
      {byDay(changes).map(({ day, items }) => (
        <div key={day}>
          <Title order={2} className={classes.day}>
            {day}
          </Title>
          <ol className={classes.frame}>
            {items.map((change) => (
              <ChangeItem
                key={`${change.source?.slug ?? ""} ${change.sequence}`}
                change={change}
                focus={focus}
                onRequest={onRequest}
              />
            ))}
          </ol>
        </div>
      ))}
    </section>
  );
}

/** Says that what is shown stays current by itself. */
export function LiveNote({ live }: { live: boolean }) {
  return (
    <Text span size="sm" c="dimmed" className={classes.live} data-live={live || undefined}>
      {live ? "Live" : "Connecting"}
    </Text>
  );
}
