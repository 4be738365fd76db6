// What became of each operation of a request. Nothing is ever passed over in silence.
import { Badge, Code, Group, List, Stack, Text } from "@mantine/core";
import type { Outcome } from "../api/types";

export const RESULTS: Record<Outcome["result"], { word: string; color: string }> = {
  applied: { word: "Done", color: "green" },
  nothing_to_do: { word: "Nothing to do", color: "gray" },
  refused: { word: "Refused", color: "red" },
  ignored: { word: "Ignored", color: "yellow" },
  mended: { word: "Mended", color: "blue" },
};

export const resultWord = (result: Outcome["result"]) => RESULTS[result].word;

export function OutcomeList({ outcomes }: { outcomes: Outcome[] }) {
  return (
    <List listStyleType="none" spacing="sm">
      {outcomes.map((outcome, index) => (
        <List.Item key={index}>
          <OneOutcome outcome={outcome} />
        </List.Item>
      ))}
    </List>
  );
}

function OneOutcome({
  outcome: { operation, action, path, result, detail },
}: {
  outcome: Outcome;
}) {
  const { word, color } = RESULTS[result];
  return (
    <Stack gap={2}>
      <Group gap="xs">
        {operation !== null && (
          <Text span size="sm" c="dimmed">
            {operation + 1}.
          </Text>
        )}
        <Badge color={color}>{word}</Badge>
        <Text span size="sm">
          {action} {path !== null && <Code style={{ overflowWrap: "anywhere" }}>{path}</Code>}
        </Text>
      </Group>
      {detail !== null && (
        <Text size="sm" c="dimmed">
          {detail}
        </Text>
      )}
    </Stack>
  );
}
