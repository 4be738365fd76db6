import { Anchor, Badge, Code, Group, Stack, Text, Title, UnstyledButton } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import classes from "./ApiReference.module.css";
import type { Answer, Method, Operation } from "./document";
import { FieldTable, Prose } from "./FieldTable";
import { SchemaType } from "./SchemaType";

const COLORS: Record<Method, string> = {
  get: "blue",
  post: "green",
  put: "orange",
  patch: "orange",
  delete: "red",
};

export interface OperationCardProps {
  operation: Operation;
  open: boolean;
  onToggle: () => void;
}

export function OperationCard({ operation, open, onToggle }: OperationCardProps) {
  const { id, method, path, summary } = operation;
  return (
    <li id={id} className={classes.operation}>
      <h3 className={classes.operationHead}>
        <UnstyledButton
          className={classes.operationButton}
          aria-expanded={open}
          aria-controls={open ? `${id}-details` : undefined}
          onClick={onToggle}
        >
          <Badge color={COLORS[method]} w={76} ff="monospace" size="lg">
            {method.toUpperCase()}
          </Badge>
          <span className={classes.path}>{path}</span>
          <span className={classes.summary}>{summary}</span>
          <IconChevronRight
            size={18}
            aria-hidden
            className={classes.chevron}
            data-open={open || undefined}
          />
        </UnstyledButton>
      </h3>
      {open && (
        <div id={`${id}-details`} className={classes.operationDetails}>
          <Details operation={operation} />
        </div>
      )}
    </li>
  );
}

function Details({ operation }: { operation: Operation }) {
  const { id, summary, description, parameters, body, answers, open } = operation;
  return (
    <Stack gap="md">
      {description !== "" && description !== summary && (
        <Text className={classes.prose}>
          <Prose text={description} />
        </Text>
      )}
      <Text size="sm" c="dimmed">
        {open ? "May be called without signing in." : "Needs a session or an API token."}{" "}
        <Anchor href={`#${id}`} inherit underline="always">
          Link to this
        </Anchor>
      </Text>
      {parameters.length > 0 && (
        <section>
          <Title order={4} mb="xs" fz="sm">
            Parameters
          </Title>
          <FieldTable
            label="Parameters"
            fields={parameters.map(
              ({ name, in: place, required = false, schema, description }) => ({
                name,
                place,
                required,
                schema,
                description,
              }),
            )}
          />
        </section>
      )}
      {body?.content && (
        <section>
          <Title order={4} mb="xs" fz="sm">
            Body
          </Title>
          <Contents answer={body} />
        </section>
      )}
      <section>
        <Title order={4} mb="xs" fz="sm">
          Answers
        </Title>
        <Stack gap="xs">
          {answers.map(([status, answer]) => (
            <Group key={status} gap="sm" wrap="nowrap" align="flex-start">
              <Badge color={/^[23]/.test(status) ? "green" : "red"} ff="monospace" size="lg" w={56}>
                {status}
              </Badge>
              <div>
                <Contents answer={answer} />
              </div>
            </Group>
          ))}
        </Stack>
      </section>
    </Stack>
  );
}

function Contents({ answer }: { answer: Answer }) {
  return (
    <Stack gap={2}>
      {answer.description && (
        <Text size="sm">
          <Prose text={answer.description} />
        </Text>
      )}
      {Object.entries(answer.content ?? {}).map(([type, { schema }]) => (
        <Text key={type} size="sm">
          <SchemaType schema={schema} /> <Code>{type}</Code>
        </Text>
      ))}
    </Stack>
  );
}
