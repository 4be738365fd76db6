import { Text } from "@mantine/core";
import type { Change } from "../api/types";
import { ResourceLink } from "../directory/ResourceLink";
import { sentenceOf } from "./sentences";

export interface SentenceViewProps {
  change: Change;
  /** The id of the user whose history it is told in. */
  focus?: string;
}

/** A change in words, in which users and groups lead to their pages. */
export function SentenceView({ change, focus }: SentenceViewProps) {
  const { actor, parts } = sentenceOf(change, focus);
  return (
    <Text span inherit>
      {actor}{" "}
      {parts.map((part, index) =>
        typeof part === "string" ? (
          part
        ) : (
          <ResourceLink
            key={index}
            slug={change.source?.slug}
            type={part.type}
            id={part.id}
            name={part.name}
          />
        ),
      )}
    </Text>
  );
}
