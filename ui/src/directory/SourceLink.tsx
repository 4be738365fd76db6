import { Anchor, Group } from "@mantine/core";
import { Link } from "react-router";
import type { SourceRef } from "../api/types";
import { ProviderMark } from "../components/ProviderMark";
import { sourcePlace } from "./places";

/** A source by its provider's mark and its name. */
export function SourceLink({ source }: { source: SourceRef }) {
  return (
    <Group gap={8} wrap="nowrap" display="inline-flex">
      <ProviderMark provider={source.provider} size={20} />
      <Anchor component={Link} to={sourcePlace(source.slug)} inherit>
        {source.name}
      </Anchor>
    </Group>
  );
}
