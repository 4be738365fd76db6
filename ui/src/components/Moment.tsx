// A moment as people say it ("3 minutes ago"), with the exact time on hover and focus.
//
//   <Moment at={user.last_modified} />        <Moment at={token.last_used} never="never used" />
//
// Keeps itself current: all moments on a page share one clock.
import { Text, Tooltip } from "@mantine/core";
import { useSyncExternalStore } from "react";
import { exactly, fromNow } from "./moment-words";

const TICK_MS = 15_000;
const STEP_MS = 5_000;

const listeners = new Set<() => void>();
let clock: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void) {
  listeners.add(listener);
  clock ??= setInterval(() => listeners.forEach((tell) => tell()), TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(clock);
    clock = undefined;
  };
}

/** In steps, as a snapshot has to stand still; rounded up, so that nothing past seems to come. */
const now = () => Math.ceil(Date.now() / STEP_MS) * STEP_MS;

export interface MomentProps {
  at: string | null;
  /** What to say when there is none. */
  never?: string;
}

export function Moment({ at, never = "never" }: MomentProps) {
  const shown = useSyncExternalStore(subscribe, now);
  if (at === null) {
    return (
      <Text span inherit c="dimmed">
        {never}
      </Text>
    );
  }
  return (
    <Tooltip label={exactly(at)}>
      <time dateTime={at}>{fromNow(at, shown)}</time>
    </Tooltip>
  );
}
