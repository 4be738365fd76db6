// What is wrong with a definition: the place, the reason, and the lines around it.
import { Alert, Code, Stack, Text } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";
import type { DefinitionFault } from "./faults";
import classes from "./Schemas.module.css";

export function FaultView({ fault: { message, member, place } }: { fault: DefinitionFault }) {
  return (
    <Alert
      color="red"
      icon={<IconAlertCircle aria-hidden />}
      role="alert"
      title={place === null ? "Not saved" : `Not saved: line ${place.line}, column ${place.column}`}
    >
      <Stack gap="xs">
        <Text size="sm">
          {member !== null && (
            <>
              <Code>{member}</Code>{" "}
            </>
          )}
          {message}
        </Text>
        {place !== null && (
          <pre className={classes.excerpt} tabIndex={0} role="region" aria-label="The lines around">
            {place.excerpt.map(({ number, text, wrong }) => (
              <span key={number} className={classes.line} data-wrong={wrong || undefined}>
                <span className={classes.number}>{number}</span>
                <span>{text || " "}</span>
              </span>
            ))}
          </pre>
        )}
      </Stack>
    </Alert>
  );
}
