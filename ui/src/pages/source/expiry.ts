export const EXPIRIES = [
  { value: "90", label: "in 90 days" },
  { value: "180", label: "in 180 days" },
  { value: "365", label: "in a year" },
  { value: "date", label: "on a day of your choice" },
  { value: "never", label: "never" },
] as const;

export type Expiry = (typeof EXPIRIES)[number]["value"];

const DAY = 86_400_000;

export function inDays(days: number, now: number): string {
  return new Date(now + days * DAY).toISOString();
}

/** The end of a day ("2026-11-25") where the reader is; null when it is none. */
export function endOfDay(date: string): string | null {
  const [year, month, day] = date.split("-").map(Number);
  if (!year || !month || !day) return null;
  return new Date(year, month - 1, day, 23, 59, 59, 999).toISOString();
}

/** The first day that can be chosen, as a date field takes it. */
export function tomorrow(): string {
  const day = new Date(Date.now() + DAY);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}
