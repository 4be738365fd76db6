// The resource types of a source: what there can be in it, and at which endpoint.
import { Badge, Code, Group, List, Skeleton, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconPencil, IconPlus, IconTrash } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { useRemoveResourceType, useResourceTypes } from "../api/schemas";
import type { SourceResourceType } from "../api/types";
import { ChangeButton } from "../components/ChangeButton";
import { ConfirmDelete } from "../components/ConfirmDelete";
import { CopyButton } from "../components/CopyField";
import { ErrorState } from "../components/ErrorState";
import { partsOfPath } from "./attribute-rows";
import { counted } from "./counted";
import { textOf } from "./DefinitionDialog";
import { DefinitionItem } from "./DefinitionItem";
import { PartHead } from "./PartHead";
import { ResourceTypeDialog } from "./ResourceTypeDialog";
import classes from "./Schemas.module.css";

const nameOf = ({ resource_type }: SourceResourceType) => resource_type.name ?? "";

export function ResourceTypeList({ slug }: { slug: string }) {
  const types = useResourceTypes(slug);
  const [editing, setEditing] = useState<{ type: SourceResourceType | null } | null>(null);
  const [removing, setRemoving] = useState<SourceResourceType | null>(null);
  return (
    <section aria-labelledby="resource-types">
      <PartHead
        id="resource-types"
        title="Resource types"
        action={
          <ChangeButton
            leftSection={<IconPlus size={18} aria-hidden />}
            onClick={() => setEditing({ type: null })}
          >
            Add a resource type
          </ChangeButton>
        }
      >
        What can be provisioned: users, groups, and whatever else has a schema here.
      </PartHead>
      {types.data ? (
        <ul className={classes.list}>
          {types.data.items.map((type) => (
            <OneType
              key={nameOf(type)}
              type={type}
              onEdit={() => setEditing({ type })}
              onRemove={() => setRemoving(type)}
            />
          ))}
        </ul>
      ) : types.error ? (
        <ErrorState error={types.error} onRetry={() => void types.refetch()} />
      ) : (
        <Skeleton h={160} aria-busy />
      )}
      <ResourceTypeDialog slug={slug} editing={editing} onClose={() => setEditing(null)} />
      <RemoveType slug={slug} type={removing} onClose={() => setRemoving(null)} />
    </section>
  );
}

interface OneTypeProps {
  type: SourceResourceType;
  onEdit: () => void;
  onRemove: () => void;
}

function OneType({ type, onEdit, onRemove }: OneTypeProps) {
  const { resource_type, origin, added_extensions, indexed, resources } = type;
  const name = nameOf(type);
  const extensions = resource_type.schemaExtensions ?? [];
  const added = new Set(added_extensions.map((urn) => urn.toLowerCase()));
  const kept = origin === "own" && resources > 0;
  return (
    <DefinitionItem
      name={name}
      address={resource_type.endpoint ?? ""}
      origin={origin}
      use={counted(resources, "resource")}
    >
      <Stack gap="md">
        {resource_type.description && <Text c="dimmed">{resource_type.description}</Text>}
        <dl className={classes.facts}>
          <Fact name="Base schema">
            <Code>{resource_type.schema}</Code>
          </Fact>
          <Fact name="Extensions">
            {extensions.length === 0 ? (
              "none"
            ) : (
              <List listStyleType="none" spacing={4}>
                {extensions.map(({ schema, required }) => (
                  <List.Item key={schema}>
                    <Group gap="xs">
                      <Code>{schema}</Code>
                      {required && <Badge color="orange">Required</Badge>}
                      {origin === "extended" && added.has(schema.toLowerCase()) && (
                        <Badge color="green">Added</Badge>
                      )}
                    </Group>
                  </List.Item>
                ))}
              </List>
            )}
          </Fact>
          <Fact name="Found by an index">
            <Paths paths={indexed} />
          </Fact>
        </dl>
        <Group gap="xs">
          <ChangeButton
            variant="default"
            leftSection={<IconPencil size={16} aria-hidden />}
            onClick={onEdit}
          >
            {origin === "own" ? "Change" : "Extend"}
          </ChangeButton>
          <CopyButton value={textOf(resource_type)} label="Copy as JSON" />
          {origin !== "built_in" && !kept && (
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
        {kept && (
          <Text size="sm" c="dimmed">
            To remove it, delete its {counted(resources, "resource")} first.
          </Text>
        )}
      </Stack>
    </DefinitionItem>
  );
}

/** Those of each extension together, so that its URN need not be read over and over. */
function Paths({ paths }: { paths: string[] }) {
  const parts = paths.map(partsOfPath);
  const urns = [...new Set(parts.map(({ urn }) => urn))];
  if (urns.length === 0) return "none";
  return urns.map((urn) => (
    <div key={urn} className={classes.paths}>
      {urn !== null && <span className={classes.urn}>{urn}</span>}
      {parts
        .filter((part) => part.urn === urn)
        .map(({ name }) => (
          <Code key={name}>{name}</Code>
        ))}
    </div>
  ));
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

interface RemoveTypeProps {
  slug: string;
  type: SourceResourceType | null;
  onClose: () => void;
}

function RemoveType({ slug, type, onClose }: RemoveTypeProps) {
  const remove = useRemoveResourceType(slug);
  const own = type?.origin === "own";
  const name = type ? nameOf(type) : "";
  return (
    <ConfirmDelete
      opened={type !== null}
      onClose={onClose}
      title={own ? `Remove ${name}?` : `Remove what is added to ${name}?`}
      action="Remove"
      onConfirm={async () => {
        await remove.mutateAsync(name);
        notifications.show({
          title: "Removed",
          message: own ? `${name} is no resource type any more.` : `${name} is as it was built in.`,
        });
      }}
    >
      {own ? (
        <>
          Requests to <Code>{type.resource_type.endpoint}</Code> are answered 404 from then on. Its
          schemas stay.
        </>
      ) : (
        `The extensions that were added are no part of ${name} any more: they are neither checked nor searchable. What is there of them stays.`
      )}
    </ConfirmDelete>
  );
}
