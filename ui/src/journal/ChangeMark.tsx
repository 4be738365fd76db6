import { ThemeIcon } from "@mantine/core";
import {
  IconCopy,
  IconKeyOff,
  IconPencil,
  IconPlus,
  IconTrash,
  IconUserCheck,
  IconUserMinus,
  IconUserOff,
  IconUserPlus,
  type TablerIcon,
} from "@tabler/icons-react";
import type { Change } from "../api/types";

/** What kind of change it is, at a glance. The sentence beside it says the same. */
export function ChangeMark({ change }: { change: Change }) {
  const [Icon, color] = markOf(change);
  return (
    <ThemeIcon variant="light" color={color} size={32} radius="xl" aria-hidden>
      <Icon size={17} stroke={1.8} />
    </ThemeIcon>
  );
}

function markOf({
  kind,
  after,
  members_added_count,
  members_removed_count,
}: Change): [TablerIcon, string] {
  if (kind === "create") return [IconPlus, "green"];
  if (kind === "delete") return [IconTrash, "red"];
  if (kind === "revoke") return [IconKeyOff, "red"];
  if (kind === "copy") return [IconCopy, "gray"];
  if (members_removed_count > 0 && members_added_count === 0) return [IconUserMinus, "orange"];
  if (members_added_count > 0) return [IconUserPlus, "green"];
  if (after?.active === false) return [IconUserOff, "orange"];
  if (after?.active === true) return [IconUserCheck, "green"];
  return [IconPencil, "water"];
}
