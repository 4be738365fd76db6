import { Group } from "@mantine/core";
import type { SourceRef } from "../api/types";
import { Moment } from "../components/Moment";
import { SourceLink } from "./SourceLink";

export interface RecordFactsProps {
  source: SourceRef;
  created: string;
  lastModified: string;
  /** What it is called besides its name. */
  alias?: string;
}

/** Below the name of a user or group: where it is from, and how old. */
export function RecordFacts({ source, created, lastModified, alias }: RecordFactsProps) {
  return (
    <Group gap={6} style={{ columnGap: "1.25rem" }}>
      {alias !== undefined && <span>{alias}</span>}
      <SourceLink source={source} />
      <span>
        created <Moment at={created} />
      </span>
      <span>
        last changed <Moment at={lastModified} />
      </span>
    </Group>
  );
}
