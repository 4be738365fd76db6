// What clients sent and no schema knows: to be added to the schemas, or forgotten.
import { Group, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconPlus, IconZoomCheck } from "@tabler/icons-react";
import { useAdopt, useForgetUnknown, useUnknownAttributes } from "../api/schemas";
import type { UnknownAttribute } from "../api/types";
import { ChangeButton } from "../components/ChangeButton";
import { type Column, DataTable } from "../components/DataTable";
import { EmptyState } from "../components/EmptyState";
import { messageOf } from "../components/ErrorState";
import { Moment } from "../components/Moment";
import { partsOfPath, shapeWords } from "./attribute-rows";
import { counted, listOf } from "./counted";
import { PartHead } from "./PartHead";
import { extensionsOf } from "./unknown-extensions";
import classes from "./Schemas.module.css";

export function UnknownList({ slug }: { slug: string }) {
  const unknown = useUnknownAttributes(slug);
  const adopt = useAdopt(slug);
  const forget = useForgetUnknown(slug);

  const failed = (title: string) => (error: Error) =>
    notifications.show({ color: "red", title, message: messageOf(error) });
  const add = (resource_type: string, path: string) =>
    adopt.mutate(
      { resource_type, path },
      {
        onSuccess: ({ attributes }) =>
          notifications.show({
            title: `Added to ${resource_type}`,
            message: `From now on, ${listOf(attributes.map(({ attribute }) => attribute))} ${attributes.length === 1 ? "is" : "are"} taken, shown, and searchable.`,
          }),
        onError: failed("Not added"),
      },
    );
  const isAdding = (resource_type: string, path: string) =>
    adopt.isPending &&
    adopt.variables.path === path &&
    adopt.variables.resource_type === resource_type;

  const columns: Column<UnknownAttribute>[] = [
    { key: "attribute", header: "Attribute", cell: (one) => <Path path={one.path} /> },
    {
      key: "of",
      header: "Of",
      cell: ({ resource_type }) => <span className={classes.word}>{resource_type}</span>,
    },
    { key: "type", header: "Looks like", cell: ({ shape }) => shapeWords(shape) },
    {
      key: "seen",
      header: "Sent",
      align: "right",
      cell: ({ seen }) => counted(seen, "time"),
    },
    { key: "first", header: "First", cell: ({ first_seen }) => <Moment at={first_seen} /> },
    { key: "last", header: "Last", cell: ({ last_seen }) => <Moment at={last_seen} /> },
    {
      key: "actions",
      header: "Actions",
      hideHeader: true,
      align: "right",
      cell: ({ resource_type, path, adoptable }) => (
        <Group gap="xs" wrap="nowrap" justify="flex-end">
          {adoptable && (
            <ChangeButton
              size="xs"
              aria-label={`Add ${path} to ${resource_type}`}
              loading={isAdding(resource_type, path)}
              onClick={() => add(resource_type, path)}
            >
              Add
            </ChangeButton>
          )}
          <ChangeButton
            size="xs"
            variant="default"
            aria-label={`Forget ${path} of ${resource_type}`}
            onClick={() =>
              forget.mutate({ resource_type, path }, { onError: failed("Not forgotten") })
            }
          >
            Forget
          </ChangeButton>
        </Group>
      ),
    },
  ];

  const items = unknown.data?.items ?? [];
  const extensions = extensionsOf(items);
  const unsuited = items.filter(({ adoptable }) => !adoptable);
  return (
    <section aria-labelledby="unknown">
      <PartHead id="unknown" title="Sent, but unknown">
        Attributes that clients sent and no schema knows. <b>Add</b> one, and from now on it is
        taken, shown, and searchable, with the type that it looks like. <b>Forget</b> one, and it is
        counted anew when it is sent again.
      </PartHead>
      {extensions.length > 0 && (
        <Group gap="xs" mb="md">
          {extensions.map(({ resource_type, urn, name, count }) => (
            <ChangeButton
              key={`${resource_type} ${urn}`}
              variant="default"
              leftSection={<IconPlus size={16} aria-hidden />}
              loading={isAdding(resource_type, urn)}
              onClick={() => add(resource_type, urn)}
              aria-label={`Add all ${count} of ${name}, ${urn}`}
            >
              Add all {count} of {name}
            </ChangeButton>
          ))}
        </Group>
      )}
      <DataTable
        caption="Sent, but unknown"
        columns={columns}
        query={unknown}
        rowKey={({ resource_type, path }) => `${resource_type} ${path}`}
        skeletonRows={3}
        empty={
          <EmptyState icon={IconZoomCheck} title="Everything is known">
            All that clients sent so far has its place in a schema. What has none appears here.
          </EmptyState>
        }
      />
      {unsuited.length > 0 && (
        <Stack gap={4} mt="md">
          {unsuited.map(({ resource_type, path, reason }) => (
            <Text key={`${resource_type} ${path}`} size="sm" c="dimmed">
              <b>{partsOfPath(path).name}</b> can’t be added: {reason}.
            </Text>
          ))}
        </Stack>
      )}
    </section>
  );
}

function Path({ path }: { path: string }) {
  const { urn, name } = partsOfPath(path);
  return (
    <>
      <span className={classes.name}>{name}</span>
      {urn !== null && <span className={classes.urn}>{urn}</span>}
    </>
  );
}
