// What happened and what to do, where a page or a list should have been.
//
//   <ErrorState error={query.error} onRetry={() => query.refetch()} />
//
// `messageOf(error)` gives the sentence alone, for a notification or below a form.
import { Button, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconAlertTriangle, IconRefresh } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { ApiError } from "../api/client";

export function messageOf(error: unknown): string {
  if (error instanceof ApiError) {
    if (error.code === "slow_down" && error.retryAfter) {
      return `${error.detail} Try again in ${error.retryAfter} seconds.`;
    }
    return error.detail;
  }
  return error instanceof Error ? error.message : String(error);
}

function titleOf(error: unknown): string {
  if (!(error instanceof ApiError)) return "Something went wrong";
  if (error.status === 0) return "The server does not answer";
  if (error.status === 404) return "This does not exist, or no longer";
  if (error.status === 403) return "You may not see this";
  if (error.status === 429) return "Too many requests";
  if (error.status >= 500) return "The server failed to answer";
  return "The server refused this";
}

export interface ErrorStateProps {
  /** 1 where it stands for the whole page. */
  level?: 1 | 2;
  error: unknown;
  title?: string;
  onRetry?: () => void;
  action?: ReactNode;
}

export function ErrorState({
  error,
  title = titleOf(error),
  level = 2,
  onRetry,
  action,
}: ErrorStateProps) {
  return (
    <Stack align="center" gap="sm" py={48} px="md" role="alert">
      <ThemeIcon size={48} radius="xl" color="red" variant="light" aria-hidden>
        <IconAlertTriangle size={26} stroke={1.6} />
      </ThemeIcon>
      <Title order={level} size="h2" ta="center">
        {title}
      </Title>
      <Text c="dimmed" ta="center" maw="32rem">
        {messageOf(error)}
      </Text>
      {onRetry && (
        <Button
          variant="default"
          leftSection={<IconRefresh size={16} aria-hidden />}
          onClick={onRetry}
        >
          Try again
        </Button>
      )}
      {action}
    </Stack>
  );
}
