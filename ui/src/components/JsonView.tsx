// JSON as an engineer wants to read it: indented, coloured, copyable, scrolled in its own box.
//
//   <JsonView value={detail.resource} label="The user as its client gets it" />
//
// A text that may or may not be JSON (a request's body) is shown as it stands when it isn't.
import { Box, ScrollArea } from "@mantine/core";
import { CopyButton } from "./CopyField";
import classes from "./JsonView.module.css";
import { type JsonPart, partsOf } from "./json-parts";

export interface JsonViewProps {
  value: unknown;
  /** Names the box for screen readers, and what its button copies. */
  label: string;
  maxHeight?: number;
}

export function JsonView({ value, label, maxHeight = 480 }: JsonViewProps) {
  const text = indented(value);
  return (
    <Box pos="relative" className={classes.box}>
      <div className={classes.copy}>
        <CopyButton value={text} what={label} />
      </div>
      <ScrollArea.Autosize
        mah={maxHeight}
        viewportProps={{ tabIndex: 0, role: "region", "aria-label": label }}
      >
        <pre className={classes.text}>
          {partsOf(text).map(({ kind, text: part }, index) =>
            kind === "plain" ? (
              part
            ) : (
              <span key={index} className={classes[kind satisfies JsonPart["kind"]]}>
                {part}
              </span>
            ),
          )}
        </pre>
      </ScrollArea.Autosize>
    </Box>
  );
}

function indented(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value, null, 2);
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}
