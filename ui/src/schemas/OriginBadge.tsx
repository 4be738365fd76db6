import { Badge } from "@mantine/core";
import type { Origin } from "../api/types";

const ORIGINS = {
  built_in: { word: "Built in", color: "gray" },
  extended: { word: "Extended", color: "blue" },
  own: { word: "Own", color: "green" },
} as const;

/** Where a schema or a resource type comes from. */
export function OriginBadge({ origin }: { origin: Origin }) {
  const { word, color } = ORIGINS[origin];
  return <Badge color={color}>{word}</Badge>;
}
