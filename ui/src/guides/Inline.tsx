import { Anchor, Code } from "@mantine/core";
import { inlineParts, type Values } from "./inline-markup";

/** A text of a guide, with its marks drawn and the reader's own values in it. */
export function Inline({ text, values = {} }: { text: string; values?: Values }) {
  return inlineParts(text, values).map((part, index) => {
    switch (part.kind) {
      case "bold":
        return <strong key={index}>{part.text}</strong>;
      case "code":
        return (
          <Code key={index} fz="0.9em" style={{ overflowWrap: "anywhere" }}>
            {part.text}
          </Code>
        );
      case "link":
        return (
          <Anchor
            key={index}
            href={part.url}
            target="_blank"
            rel="noreferrer"
            inherit
            underline="always"
          >
            {part.text}
          </Anchor>
        );
      case "plain":
        return part.text;
    }
  });
}
