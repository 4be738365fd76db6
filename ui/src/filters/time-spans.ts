// Spans of time to filter by: the last hour, day, week, month, or from one moment to another.

export const SPANS = [
  { value: "", label: "Any time" },
  { value: "1h", label: "Last hour" },
  { value: "24h", label: "Last 24 hours" },
  { value: "7d", label: "Last 7 days" },
  { value: "30d", label: "Last 30 days" },
  { value: "custom", label: "From … to …" },
];

const HOUR = 3_600_000;
const LENGTHS: Record<string, number | undefined> = {
  "1h": HOUR,
  "24h": 24 * HOUR,
  "7d": 7 * 24 * HOUR,
  "30d": 30 * 24 * HOUR,
};

/** As the address has it: a span's name, and for "custom" the two moments. */
export interface TimeSpan {
  time: string;
  from: string;
  to: string;
}

/** What a query says of time: the name of a span, or moments. */
export interface Timed {
  time?: string;
  from?: string;
  to?: string;
}

/** A query with its span resolved to moments: "the last hour" is another hour at each asking. */
export function withMoments<Query extends Timed>({ time, ...query }: Query, now = Date.now()) {
  const length = time === undefined ? undefined : LENGTHS[time];
  if (length === undefined) return query;
  return { ...query, from: new Date(now - length).toISOString(), to: undefined };
}

/** A link may give moments without saying "custom". */
export const spanName = ({ time, from, to }: TimeSpan) =>
  time === "" && (from !== "" || to !== "") ? "custom" : time;

/** To the value of an `<input type="datetime-local">`, in the reader's time zone. */
export function toLocalInput(at: string): string {
  const date = new Date(at);
  if (at === "" || Number.isNaN(date.getTime())) return "";
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function fromLocalInput(value: string): string {
  const date = new Date(value);
  return value === "" || Number.isNaN(date.getTime()) ? "" : date.toISOString();
}
