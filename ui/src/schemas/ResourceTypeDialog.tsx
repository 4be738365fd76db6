import { Alert } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconInfoCircle } from "@tabler/icons-react";
import { usePutResourceType, useResourceTypes } from "../api/schemas";
import type { SourceResourceType, TypeDefinition } from "../api/types";
import { DefinitionDialog, textOf } from "./DefinitionDialog";
import { textMember } from "./definitions";
import { EXAMPLE_TYPE } from "./examples";

export interface ResourceTypeDialogProps {
  slug: string;
  /** What is being changed; without a type, a new one is made. */
  editing: { type: SourceResourceType | null } | null;
  onClose: () => void;
}

export function ResourceTypeDialog({ slug, editing, onClose }: ResourceTypeDialogProps) {
  const put = usePutResourceType(slug);
  const types = useResourceTypes(slug);
  const type = editing?.type ?? null;
  const name = type?.resource_type.name;
  const knownOf = (value: unknown) =>
    types.data?.items.find(({ resource_type }) => resource_type.name === textMember(value, "name"));

  return (
    <DefinitionDialog
      opened={editing !== null}
      onClose={onClose}
      title={
        type === null
          ? "Add a resource type"
          : `${type.origin === "own" ? "Change" : "Extend"} ${name}`
      }
      description={
        type !== null && type.origin !== "own"
          ? "The type as RFC 7643 §6 writes it. Extensions can be added to it, and paths that an index is to find."
          : "A resource type as RFC 7643 §6 writes it; its schemas have to be there already. Beside what the RFC has, searchable lists paths that an index is to find."
      }
      text={type === null ? "" : textOf(type.resource_type)}
      example={EXAMPLE_TYPE}
      onPut={async (value) => {
        const named = textMember(value, "name") ?? name;
        if (named === undefined) throw new Error("A resource type needs a “name”.");
        const definition = value as TypeDefinition;
        const made = await put.mutateAsync({ name: named, definition });
        notifications.show({
          title: "Saved",
          message: `${named} is answered at ${made.resource_type.endpoint ?? ""}.`,
        });
      }}
    >
      {(value) => {
        const known = knownOf(value);
        if (!known || known.resource_type.name === name) return null;
        return (
          <Alert icon={<IconInfoCircle aria-hidden />}>
            {known.origin === "own"
              ? `There is a resource type ${known.resource_type.name}. It is replaced.`
              : `${known.resource_type.name} is built in. Extensions and searchable paths are added to it, in place of those that were added before.`}
          </Alert>
        );
      }}
    </DefinitionDialog>
  );
}
