// The schemas of a source: what is built in, what is added to it, and the source's own.
import { Group, Skeleton, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconPencil, IconPlus, IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import { useRemoveSchema, useResourceTypes, useSchemas } from "../api/schemas";
import type { SourceSchema } from "../api/types";
import { ChangeButton } from "../components/ChangeButton";
import { ConfirmDelete } from "../components/ConfirmDelete";
import { CopyButton } from "../components/CopyField";
import { ErrorState } from "../components/ErrorState";
import { AttributeTable } from "./AttributeTable";
import { counted, listOf } from "./counted";
import { DefinitionItem } from "./DefinitionItem";
import { PartHead } from "./PartHead";
import { SchemaDialog } from "./SchemaDialog";
import { textOf } from "./DefinitionDialog";
import classes from "./Schemas.module.css";

const nameOf = ({ schema }: SourceSchema) => schema.name ?? schema.id ?? "";

export function SchemaList({ slug }: { slug: string }) {
  const schemas = useSchemas(slug);
  const [editing, setEditing] = useState<{ schema: SourceSchema | null } | null>(null);
  const [removing, setRemoving] = useState<SourceSchema | null>(null);
  return (
    <section aria-labelledby="schemas">
      <PartHead
        id="schemas"
        title="Schemas"
        action={
          <ChangeButton
            leftSection={<IconPlus size={18} aria-hidden />}
            onClick={() => setEditing({ schema: null })}
          >
            Add a schema
          </ChangeButton>
        }
      >
        Which attributes users and groups have, and what their values may be.
      </PartHead>
      {schemas.data ? (
        <ul className={classes.list}>
          {inOrder(schemas.data.items).map((schema) => (
            <OneSchema
              key={schema.schema.id}
              schema={schema}
              onEdit={() => setEditing({ schema })}
              onRemove={() => setRemoving(schema)}
            />
          ))}
        </ul>
      ) : schemas.error ? (
        <ErrorState error={schemas.error} onRetry={() => void schemas.refetch()} />
      ) : (
        <Skeleton h={280} aria-busy />
      )}
      <SchemaDialog slug={slug} editing={editing} onClose={() => setEditing(null)} />
      <RemoveSchema slug={slug} schema={removing} onClose={() => setRemoving(null)} />
    </section>
  );
}

/** Those of discovery describe the server itself, and are the last that one looks for. */
const isOfDiscovery = ({ origin, resource_types }: SourceSchema) =>
  origin === "built_in" && resource_types.length === 0;

const inOrder = (schemas: SourceSchema[]) => [
  ...schemas.filter((schema) => !isOfDiscovery(schema)),
  ...schemas.filter(isOfDiscovery),
];

interface OneSchemaProps {
  schema: SourceSchema;
  onEdit: () => void;
  onRemove: () => void;
}

function OneSchema({ schema, onEdit, onRemove }: OneSchemaProps) {
  const { schema: definition, origin, resource_types } = schema;
  const name = nameOf(schema);
  const base = resource_types.find(({ base }) => base);
  return (
    <DefinitionItem
      name={name}
      address={definition.id ?? ""}
      origin={origin}
      use={`${useOf(schema)} · ${counted(definition.attributes.length, "attribute")}`}
    >
      <Stack gap="md">
        {definition.description && <Text c="dimmed">{definition.description}</Text>}
        <Uses schema={schema} />
        <AttributeTable schema={schema} />
        <Group gap="xs">
          <ChangeButton
            variant="default"
            leftSection={<IconPencil size={16} aria-hidden />}
            onClick={onEdit}
          >
            {origin === "own"
              ? "Change"
              : origin === "extended"
                ? "Change what is added"
                : "Extend"}
          </ChangeButton>
          <CopyButton value={textOf(definition)} label="Copy as JSON" />
          {origin !== "built_in" && !(origin === "own" && base) && (
            <ChangeButton
              color="red"
              variant="light"
              leftSection={<IconTrash size={16} aria-hidden />}
              onClick={onRemove}
            >
              {origin === "own" ? "Remove" : "Remove what is added"}
            </ChangeButton>
          )}
        </Group>
        {origin === "own" && base && (
          <Text size="sm" c="dimmed">
            To remove it, remove the resource type {base.name} first.
          </Text>
        )}
      </Stack>
    </DefinitionItem>
  );
}

/** What it is to resource types, in a few words. */
function useOf(schema: SourceSchema): string {
  if (isOfDiscovery(schema)) return "describes the server";
  const { resource_types } = schema;
  const of = (base: boolean) =>
    listOf(resource_types.filter((use) => use.base === base).map(({ name }) => name));
  const said = [of(true) && `of ${of(true)}`, of(false) && `extends ${of(false)}`];
  return said.filter((one) => one !== "").join(", ") || "in no resource type";
}

function Uses({ schema: { origin, resource_types } }: { schema: SourceSchema }) {
  const required = resource_types.filter((use) => !use.base && use.required);
  if (origin === "own" && resource_types.length === 0) {
    return (
      <Text>
        No resource type has it, so it has no effect yet. <b>Change</b> it to attach it to users or
        groups.
      </Text>
    );
  }
  if (required.length === 0) return null;
  return <Text>Required: a {listOf(required.map(({ name }) => name))} without it is refused.</Text>;
}

interface RemoveSchemaProps {
  slug: string;
  schema: SourceSchema | null;
  onClose: () => void;
}

function RemoveSchema({ slug, schema, onClose }: RemoveSchemaProps) {
  const remove = useRemoveSchema(slug);
  const types = useResourceTypes(slug);
  const own = schema?.origin === "own";
  const name = schema ? nameOf(schema) : "";
  const extended =
    own && schema
      ? schema.resource_types.flatMap((use) =>
          (types.data?.items ?? []).filter(({ resource_type }) => resource_type.name === use.name),
        )
      : [];
  const attributes = schema?.added_attributes ?? [];
  return (
    <ConfirmDelete
      opened={schema !== null}
      onClose={onClose}
      title={own ? `Remove ${name}?` : `Remove what is added to ${name}?`}
      action="Remove"
      onConfirm={async () => {
        if (!schema) return;
        await remove.mutateAsync({ urn: schema.schema.id ?? "", extended });
        notifications.show({
          title: "Removed",
          message: own ? `${name} is no schema any more.` : `${name} is as it was built in.`,
        });
      }}
    >
      <Stack gap="xs">
        <Text>
          <b>{listOf(attributes)}</b> {attributes.length === 1 ? "is" : "are"} known no longer:
          neither checked nor searchable.
        </Text>
        <Text>What users and groups have of it already stays with them.</Text>
        {extended.length > 0 && (
          <Text>
            It is taken out of{" "}
            {listOf(extended.map(({ resource_type }) => resource_type.name ?? ""))}, which it
            extends.
          </Text>
        )}
      </Stack>
    </ConfirmDelete>
  );
}
