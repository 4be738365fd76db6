const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const absolute = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "just now", "5 minutes ago", "tomorrow", "12 Mar 2026". */
export function fromNow(at: string, now: number): string {
  const seconds = Math.round((Date.parse(at) - now) / 1000);
  const away = Math.abs(seconds);
  // Clocks of server and browser differ a little; nothing is "in 2 seconds" for that.
  if (away < 10) return "just now";
  if (away < MINUTE) return relative.format(seconds, "second");
  if (away < HOUR) return relative.format(Math.round(seconds / MINUTE), "minute");
  if (away < DAY) return relative.format(Math.round(seconds / HOUR), "hour");
  if (away < 30 * DAY) return relative.format(Math.round(seconds / DAY), "day");
  return day.format(new Date(at));
}

const minute = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

/** "2 Dec 2026, 14:05", for a moment that is waited for. */
export function onDay(at: string): string {
  return minute.format(new Date(at));
}

/** With date, seconds and time zone. */
export function exactly(at: string): string {
  return absolute.format(new Date(at));
}
