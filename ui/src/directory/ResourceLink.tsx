import { Anchor, Text } from "@mantine/core";
import { Link } from "react-router";
import { placeOf } from "./places";

export interface ResourceLinkProps {
  slug: string | undefined;
  type: string | null;
  id: string;
  name: string | null;
}

/** A user or group by name, leading to its page; a deleted one's page tells its history. */
export function ResourceLink({ slug, type, id, name }: ResourceLinkProps) {
  const place = placeOf(slug, type, id);
  if (place === null)
    return (
      <Text span inherit fw={600}>
        {name ?? id}
      </Text>
    );
  return (
    <Anchor component={Link} to={place} inherit fw={600}>
      {name ?? id}
    </Anchor>
  );
}
