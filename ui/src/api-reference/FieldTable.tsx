// Names, types and meanings: of parameters, and of the properties of a schema.
import { Badge, Code, Stack, Text } from "@mantine/core";
import type { Schema } from "./document";
import classes from "./ApiReference.module.css";
import { boundWords } from "./schema-words";
import { SchemaType } from "./SchemaType";

export interface Field {
  name: string;
  schema: Schema | undefined;
  description?: string;
  required: boolean;
  /** Where it goes, for a parameter. */
  place?: string;
}

export function FieldTable({ label, fields }: { label: string; fields: Field[] }) {
  return (
    <ul aria-label={label} className={classes.fields}>
      {fields.map(({ name, schema, description, required, place }) => {
        const bounds = boundWords(schema);
        return (
          <li key={`${place ?? ""} ${name}`} className={classes.field}>
            <div>
              <Code fz="sm">{name}</Code> {required && <Badge color="gray">required</Badge>}
              {place !== undefined && (
                <Text span size="sm" c="dimmed" display="block">
                  in the {place}
                </Text>
              )}
            </div>
            <Stack gap={2}>
              <Text span size="sm">
                <SchemaType schema={schema} />
                {bounds !== "" && (
                  <Text span inherit c="dimmed">
                    , {bounds}
                  </Text>
                )}
              </Text>
              {(description ?? schema?.description) && (
                <Text size="sm" c="dimmed">
                  <Prose text={description ?? schema?.description ?? ""} />
                </Text>
              )}
            </Stack>
          </li>
        );
      })}
    </ul>
  );
}

/** Text in which `code` stands between backticks. */
export function Prose({ text }: { text: string }) {
  return text
    .split(/`([^`\n]+)`/)
    .map((part, index) => (index % 2 === 1 ? <Code key={index}>{part}</Code> : part));
}
