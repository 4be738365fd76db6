import { Badge } from "@mantine/core";

/** Whether the identity provider lets this person in. */
export function ActiveBadge({ active }: { active: boolean }) {
  return <Badge color={active ? "green" : "gray"}>{active ? "Active" : "Inactive"}</Badge>;
}
