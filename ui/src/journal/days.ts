import type { Change } from "../api/types";

export interface Day {
  /** "Today", "Yesterday", "Thursday, 12 March 2026". */
  day: string;
  items: Change[];
}

const inFull = new Intl.DateTimeFormat("en-GB", { dateStyle: "full" });

/** Changes by the day of the reader's time zone, in the order that they have. */
export function byDay(changes: Change[], now = new Date()): Day[] {
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  const days: Day[] = [];
  for (const change of changes) {
    const at = new Date(change.at);
    const day = sameDay(at, now)
      ? "Today"
      : sameDay(at, yesterday)
        ? "Yesterday"
        : inFull.format(at);
    const last = days.at(-1);
    if (last?.day === day) last.items.push(change);
    else days.push({ day, items: [change] });
  }
  return days;
}

const sameDay = (one: Date, other: Date) => one.toDateString() === other.toDateString();
