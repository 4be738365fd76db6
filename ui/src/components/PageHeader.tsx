// The head of every page: sets the browser's title, and says where one is.
//
//   <PageHeader title="Users" description="Everyone, across all sources." actions={<ExportMenu … />} />
//   <PageHeader title={user.user_name} trail={[{ name: "Users", to: "/directory/users" }]} />
import { Anchor, Breadcrumbs, Group, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";

export interface PageHeaderProps {
  title: string;
  /** What the browser's tab says, when the heading alone would be unclear there. */
  pageTitle?: string;
  description?: ReactNode;
  /** Instead of a description: what there is to know at a glance, as wide as there is room. */
  facts?: ReactNode;
  /** The pages above this one. */
  trail?: { name: string; to: string }[];
  /** Stands right after the title: a badge, a status light. */
  beside?: ReactNode;
  /** Buttons, at the right. */
  actions?: ReactNode;
}

export function PageHeader(props: PageHeaderProps) {
  const { title, pageTitle = title, description, facts, trail, beside, actions } = props;
  return (
    <Stack component="header" gap={6} mb="lg">
      <title>{`${pageTitle} · Headwater`}</title>
      {trail && (
        <nav aria-label="Breadcrumb">
          <Breadcrumbs separatorMargin={6} fz="sm">
            {trail.map(({ name, to }) => (
              <Anchor key={to} component={Link} to={to} fz="sm">
                {name}
              </Anchor>
            ))}
            <Text span fz="sm" c="dimmed" truncate maw={240} aria-current="page">
              {title}
            </Text>
          </Breadcrumbs>
        </nav>
      )}
      <Group justify="space-between" gap="sm" align="flex-start">
        <Stack gap={6} miw={0} flex="1 1 20rem">
          <Group gap="sm" align="center" miw={0}>
            <Title order={1} style={{ overflowWrap: "anywhere" }}>
              {title}
            </Title>
            {beside}
          </Group>
          {description && (
            <Text component="div" c="dimmed" maw="44rem">
              {description}
            </Text>
          )}
          {facts && (
            <Text component="div" c="dimmed">
              {facts}
            </Text>
          )}
        </Stack>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
    </Stack>
  );
}
