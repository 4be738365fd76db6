import { Alert, Checkbox, NativeSelect, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconInfoCircle } from "@tabler/icons-react";
import { useState } from "react";
import { useResourceTypes, useSchemas, usePutSchema } from "../api/schemas";
import type { SchemaDefinition, SourceSchema } from "../api/types";
import { listOf } from "./counted";
import { DefinitionDialog, textOf } from "./DefinitionDialog";
import { EXAMPLE_SCHEMA } from "./examples";
import { additionsOf, textMember } from "./definitions";

export interface SchemaDialogProps {
  slug: string;
  /** What is being changed; without a schema, a new one is made. */
  editing: { schema: SourceSchema | null } | null;
  onClose: () => void;
}

export function SchemaDialog({ slug, editing, onClose }: SchemaDialogProps) {
  const put = usePutSchema(slug);
  const schemas = useSchemas(slug);
  const [shown, setShown] = useState(editing);
  const [extended, setExtended] = useState("");
  const [required, setRequired] = useState(false);
  const schema = editing?.schema ?? null;

  // Each opening starts anew.
  if (editing !== shown) {
    setShown(editing);
    const extension = schema?.resource_types.find(({ base }) => !base);
    setExtended(extension?.name ?? "");
    setRequired(extension?.required ?? false);
  }

  const knownOf = (value: unknown) => {
    const urn = textMember(value, "id")?.toLowerCase();
    return schemas.data?.items.find((one) => one.schema.id?.toLowerCase() === urn) ?? null;
  };
  const isBase = (known: SourceSchema | null) =>
    known !== null && known.resource_types.some(({ base }) => base);

  return (
    <DefinitionDialog
      opened={editing !== null}
      onClose={onClose}
      title={titleOf(schema)}
      description={
        schema !== null && schema.origin !== "own"
          ? "The attributes that this source adds to it, as RFC 7643 §7 writes them. Those that are built in stay as they are."
          : "A schema as RFC 7643 §7 writes it, such as /Schemas of another server answers it. Paste it, or open a file."
      }
      text={schema === null ? "" : textOf(additionsOf(schema))}
      example={EXAMPLE_SCHEMA}
      onPut={async (value) => {
        const urn = textMember(value, "id") ?? schema?.schema.id ?? null;
        if (urn === null) throw new Error("A schema needs an “id”: its URN.");
        const attachment =
          extended === "" || isBase(knownOf(value)) ? null : { extends: extended, required };
        const definition = value as SchemaDefinition;
        const made = await put.mutateAsync({ urn, definition, attachment });
        notifications.show({
          title: "Saved",
          message: `From now on, what ${made.schema.name ?? urn} says is taken, shown and searchable.`,
        });
      }}
    >
      {(value) => {
        const known = knownOf(value);
        return (
          <Stack>
            {known !== null && known.schema.id !== schema?.schema.id && <Known schema={known} />}
            {!isBase(known ?? schema) && (
              <Attachment
                slug={slug}
                schema={known ?? schema}
                extended={extended}
                onExtend={setExtended}
                required={required}
                onRequire={setRequired}
              />
            )}
          </Stack>
        );
      }}
    </DefinitionDialog>
  );
}

function titleOf(schema: SourceSchema | null): string {
  if (schema === null) return "Add a schema";
  const name = schema.schema.name ?? schema.schema.id;
  return schema.origin === "own" ? `Change ${name}` : `Extend ${name}`;
}

/** What saving does, when there is a schema of this URN. */
function Known({ schema: { schema, origin } }: { schema: SourceSchema }) {
  const name = schema.name ?? schema.id;
  return (
    <Alert icon={<IconInfoCircle aria-hidden />}>
      {origin === "own"
        ? `There is a schema with this id, ${name}. It is replaced.`
        : origin === "extended"
          ? `${name} is built in. These attributes are added to it, in place of those that were added before.`
          : `${name} is built in. These attributes are added to it.`}
    </Alert>
  );
}

interface AttachmentProps {
  slug: string;
  schema: SourceSchema | null;
  extended: string;
  onExtend: (name: string) => void;
  required: boolean;
  onRequire: (required: boolean) => void;
}

function Attachment({ slug, schema, extended, onExtend, required, onRequire }: AttachmentProps) {
  const types = useResourceTypes(slug);
  const names = types.data?.items.map(({ resource_type }) => resource_type.name ?? "") ?? [];
  const already = schema?.resource_types.map(({ name }) => name) ?? [];
  return (
    <Stack gap="sm">
      <NativeSelect
        label="Extension of"
        description="Whose resources have these attributes, beside those of their own."
        value={extended}
        onChange={(event) => onExtend(event.currentTarget.value)}
        data={[
          {
            value: "",
            label: already.length === 0 ? "Nothing yet" : `As it is (${listOf(already)})`,
          },
          ...names.map((name) => ({ value: name, label: name })),
        ]}
      />
      {extended !== "" && (
        <Checkbox
          label="Required"
          description={`A ${extended} without it is refused.`}
          checked={required}
          onChange={(event) => onRequire(event.currentTarget.checked)}
        />
      )}
      {extended === "" && already.length === 0 && (
        <Text size="sm" c="dimmed">
          Choose one, or make a resource type with it as its base.
        </Text>
      )}
    </Stack>
  );
}
