// The attributes of a user or group, in groups that people know.
import { Card, Stack, Title, Tooltip } from "@mantine/core";
import type { ScimResource } from "../api/types";
import { type Attribute, attributeGroups } from "./attribute-groups";
import classes from "./AttributeCards.module.css";

export function AttributeCards({ resource }: { resource: ScimResource }) {
  return (
    <Stack>
      {attributeGroups(resource).map(({ title, attributes }) => (
        <Card key={title} component="section">
          <Title order={2} mb="sm" fz="md">
            {title}
          </Title>
          <dl className={classes.list}>
            {attributes.map((attribute) => (
              <OneAttribute key={attribute.path} attribute={attribute} />
            ))}
          </dl>
        </Card>
      ))}
    </Stack>
  );
}

function OneAttribute({ attribute: { name, path, lines } }: { attribute: Attribute }) {
  return (
    <div className={classes.attribute}>
      <dt>
        {/* The name that the identity provider's attribute mapping has it under. */}
        <Tooltip label={path}>
          <span>{name}</span>
        </Tooltip>
      </dt>
      {lines.map((line, index) => (
        <dd key={index}>{line}</dd>
      ))}
    </div>
  );
}
