// The attributes of a schema, with what RFC 7643 §7 says of each. Those with parts open to them.
import { ActionIcon, Badge, Group, Text } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";
import type { AttributeDefinition, SourceSchema } from "../api/types";
import { type Column, DataTable } from "../components/DataTable";
import {
  type AttributeRow,
  attributeRows,
  type Characteristic,
  firstSentence,
  mutabilityWord,
  requiredWord,
  typeWord,
  uniquenessWord,
  valuesWord,
} from "./attribute-rows";
import classes from "./Schemas.module.css";

export function AttributeTable({ schema }: { schema: SourceSchema }) {
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const toggle = (path: string) => {
    const next = new Set(opened);
    if (!next.delete(path)) next.add(path);
    setOpened(next);
  };
  const said = (
    key: string,
    header: string,
    of: (attribute: AttributeDefinition) => Characteristic,
  ): Column<AttributeRow> => ({
    key,
    header,
    cell: ({ attribute }) => {
      const { word, usual } = of(attribute);
      return <span className={usual ? classes.usual : undefined}>{word}</span>;
    },
  });
  const columns: Column<AttributeRow>[] = [
    {
      key: "attribute",
      header: "Attribute",
      cell: (row) => (
        <Name row={row} open={opened.has(row.path)} onToggle={() => toggle(row.path)} />
      ),
    },
    { key: "type", header: "Type", cell: ({ attribute }) => typeWord(attribute) },
    said("values", "Values", valuesWord),
    said("required", "Required", requiredWord),
    said("mutability", "Mutability", mutabilityWord),
    said("unique", "Unique", uniquenessWord),
  ];
  return (
    <div className={classes.attributes}>
      <DataTable
        caption={`Attributes of ${schema.schema.name ?? schema.schema.id}`}
        columns={columns}
        rows={attributeRows(schema, opened)}
        rowKey={({ path }) => path}
      />
    </div>
  );
}

interface NameProps {
  row: AttributeRow;
  open: boolean;
  onToggle: () => void;
}

function Name({ row: { path, attribute, inside, parts, added }, open, onToggle }: NameProps) {
  return (
    <div className={classes.attribute} data-inside={inside || undefined}>
      <span className={classes.toggle}>
        {parts > 0 && (
          <ActionIcon
            variant="subtle"
            color="gray"
            size={24}
            aria-expanded={open}
            aria-label={`Parts of ${path}`}
            onClick={onToggle}
          >
            <IconChevronRight
              size={16}
              aria-hidden
              className={classes.chevron}
              data-open={open || undefined}
            />
          </ActionIcon>
        )}
      </span>
      <div>
        <Group gap="xs">
          <span className={classes.name}>{path}</span>
          {added && !inside && <Badge color="green">Added</Badge>}
        </Group>
        {attribute.description && (
          <Text size="sm" c="dimmed" maw="30rem" title={attribute.description}>
            {firstSentence(attribute.description)}
          </Text>
        )}
      </div>
    </div>
  );
}
