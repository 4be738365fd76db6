import type { HourOfTraffic } from "../../api/types";

interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Bar {
  start: string;
  requests: Rect;
  errors: Rect;
  /** The whole column, to point at. */
  slot: Rect;
  label: string | null;
}

export interface Area {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** The lowest round number that the busiest hour stays below, and the lines up to it. */
export function gridOf(hours: HourOfTraffic[]): { top: number; lines: number[] } {
  const most = Math.max(0, ...hours.map((hour) => hour.requests));
  if (most === 0) return { top: 1, lines: [0] };
  const rough = Math.max(1, most / 3);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  const count = Math.ceil(most / step);
  return {
    top: step * count,
    lines: Array.from({ length: count + 1 }, (_, index) => index * step),
  };
}

export function barsOf(hours: HourOfTraffic[], area: Area, top: number): Bar[] {
  const slotWidth = area.width / Math.max(1, hours.length);
  const width = Math.max(2, slotWidth * 0.64);
  const foot = area.top + area.height;
  // A single request or error among thousands still shows.
  const tall = (value: number) => (value === 0 ? 0 : Math.max(2, (value / top) * area.height));
  return hours.map((hour, index) => {
    const left = area.left + index * slotWidth;
    const x = left + (slotWidth - width) / 2;
    const rect = (height: number): Rect => ({ x, y: foot - height, width, height });
    return {
      start: hour.start,
      requests: rect(tall(hour.requests)),
      errors: rect(tall(hour.errors)),
      slot: { x: left, y: area.top, width: slotWidth, height: area.height },
      label: new Date(hour.start).getHours() % 6 === 0 ? clock.format(new Date(hour.start)) : null,
    };
  });
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

/** "14:00 to 15:00", in the reader's time zone. */
export function whenOf(hour: HourOfTraffic): string {
  const start = new Date(hour.start);
  return `${clock.format(start)} to ${clock.format(new Date(start.getTime() + 3_600_000))}`;
}

/** The chart in a sentence. */
export function summaryOf(hours: HourOfTraffic[]): string {
  const sum = (of: "requests" | "errors") => hours.reduce((all, hour) => all + hour[of], 0);
  const requests = sum("requests");
  if (requests === 0) return "No requests in the last day.";
  const busiest = hours.reduce((most, hour) => (hour.requests > most.requests ? hour : most));
  const count = (value: number, noun: string) =>
    `${value.toLocaleString("en")} ${noun}${value === 1 ? "" : "s"}`;
  return `${count(requests, "request")} and ${count(sum("errors"), "error")} in the last day; busiest from ${whenOf(busiest)}.`;
}
