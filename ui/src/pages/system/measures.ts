// Sizes and durations as people say them.

const UNITS = ["bytes", "kB", "MB", "GB", "TB"];

export function bytesInWords(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ""}`;
}

export function durationInWords(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3_600);
  const minutes = Math.floor((seconds % 3_600) / 60);
  if (days > 0) return `${counted(days, "day")}, ${counted(hours, "hour")}`;
  if (hours > 0) return `${counted(hours, "hour")}, ${counted(minutes, "minute")}`;
  return minutes > 0 ? counted(minutes, "minute") : "less than a minute";
}

const counted = (count: number, unit: string) => `${count} ${unit}${count === 1 ? "" : "s"}`;
