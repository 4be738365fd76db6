// What became of each operation of a bulk request, by its number.
import { Badge, Button, Checkbox, Code, Group, List, Stack, Text } from "@mantine/core";
import { useState } from "react";
import type { Outcome } from "../api/types";
import { askedBy, type BulkOperation, operationsOf } from "./operations";
import { OutcomeList, RESULTS } from "./OutcomeList";

/** So many are shown at first. */
const SOME = 25;

export interface OperationListProps {
  outcomes: Outcome[];
  /** The body of the request, which says what each operation asked for. */
  body: string | null;
}

export function OperationList({ outcomes, body }: OperationListProps) {
  const [all, setAll] = useState(false);
  const [onlyRefused, setOnlyRefused] = useState(false);
  const { operations, others } = operationsOf(outcomes);
  const asked = askedBy(body);
  const refused = operations.filter(({ result }) => result === "refused");
  const chosen = onlyRefused ? refused : operations;
  const shown = all ? chosen : chosen.slice(0, SOME);
  return (
    <Stack gap="md">
      {refused.length > 0 && refused.length < operations.length && operations.length > 3 && (
        <Checkbox
          label={`Only what was refused (${refused.length} of ${operations.length})`}
          checked={onlyRefused}
          onChange={(event) => setOnlyRefused(event.currentTarget.checked)}
        />
      )}
      <List listStyleType="none" spacing="sm" aria-label="Operations">
        {shown.map((operation) => (
          <List.Item key={operation.position}>
            <OneOperation operation={operation} asked={asked[operation.position]} />
          </List.Item>
        ))}
      </List>
      {shown.length < chosen.length && (
        <Button variant="default" onClick={() => setAll(true)} w="fit-content">
          Show all {chosen.length}
        </Button>
      )}
      {others.length > 0 && <OutcomeList outcomes={withoutDoubles(others)} />}
    </Stack>
  );
}

/** The same may have become of many operations. */
function withoutDoubles(outcomes: Outcome[]): Outcome[] {
  const told = new Map(outcomes.map((outcome) => [JSON.stringify(outcome), outcome]));
  return [...told.values()];
}

interface OneOperationProps {
  operation: BulkOperation;
  asked: string | undefined;
}

function OneOperation({ operation: { position, result, outcomes }, asked }: OneOperationProps) {
  const { word, color } = RESULTS[result];
  const notes = outcomes.filter((outcome) => outcome.detail !== null || outcome.path !== null);
  return (
    <Stack gap={2}>
      <Group gap="xs" wrap="nowrap" align="flex-start">
        <Text span size="sm" c="dimmed" miw="1.75rem">
          {position + 1}.
        </Text>
        <Badge color={color} flex="none">
          {word}
        </Badge>
        {asked ? (
          <Code style={{ overflowWrap: "anywhere" }}>{asked}</Code>
        ) : (
          <Text span size="sm">
            {outcomes[0]?.action}
          </Text>
        )}
      </Group>
      {notes.map(({ path, detail }, index) => (
        <Text key={index} size="sm" c="dimmed" pl="2.375rem">
          {path !== null && (
            <>
              <Code>{path}</Code>{" "}
            </>
          )}
          {detail}
        </Text>
      ))}
    </Stack>
  );
}
