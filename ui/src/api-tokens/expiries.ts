export const EXPIRIES = [
  { value: "7d", label: "7 days" },
  { value: "30d", label: "30 days" },
  { value: "90d", label: "90 days" },
  { value: "365d", label: "1 year" },
  { value: "", label: "Until it is revoked" },
];

const DAY = 24 * 3_600_000;

/** The moment that an expiry such as "90d" stands for; none for an empty one. */
export function expiryOf(expiry: string, now: Date): string | undefined {
  const days = Number.parseInt(expiry, 10);
  return Number.isNaN(days) ? undefined : new Date(now.getTime() + days * DAY).toISOString();
}
