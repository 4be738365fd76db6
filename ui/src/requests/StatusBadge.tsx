import { Badge } from "@mantine/core";
import { isRefused } from "./reasons";

/** The HTTP status of an answer. */
export function StatusBadge({ status }: { status: number }) {
  return (
    <Badge color={isRefused(status) ? "red" : "green"} ff="monospace" size="lg">
      {status}
    </Badge>
  );
}
