import { Card, Text, Title } from "@mantine/core";
import classes from "./ApiReference.module.css";
import type { Schema } from "./document";
import { FieldTable, Prose } from "./FieldTable";
import { propertiesOf } from "./schema-words";
import { SchemaType } from "./SchemaType";

/** A named schema with its properties. */
export function SchemaCard({ name, schema }: { name: string; schema: Schema }) {
  const properties = propertiesOf(schema);
  return (
    <Card component="section" id={`schema-${name}`} className={classes.schema}>
      <Title order={3}>{name}</Title>
      {schema.description && (
        <Text size="sm" c="dimmed" className={classes.prose}>
          <Prose text={schema.description} />
        </Text>
      )}
      {properties.length > 0 ? (
        <FieldTable label={`Properties of ${name}`} fields={properties} />
      ) : (
        <Text size="sm">
          <SchemaType schema={schema} />
        </Text>
      )}
    </Card>
  );
}
