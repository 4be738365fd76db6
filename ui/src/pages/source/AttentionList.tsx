import { Anchor, Group, Stack, Text } from "@mantine/core";
import {
  IconAlertTriangle,
  IconChevronRight,
  IconCircleCheck,
  IconCircleX,
  IconInfoCircle,
} from "@tabler/icons-react";
import { Link } from "react-router";
import type { Attention } from "../../api/types";
import { Moment } from "../../components/Moment";

const severities = {
  error: { word: "Error", icon: IconCircleX, color: "var(--mantine-color-error)" },
  warning: {
    word: "Warning",
    icon: IconAlertTriangle,
    color: "var(--mantine-color-orange-light-color)",
  },
  info: { word: "Note", icon: IconInfoCircle, color: "var(--mantine-color-anchor)" },
} as const;

const places = {
  activity: "See the activity",
  credentials: "To the credentials",
  settings: "To the settings",
  connect: "Connect",
} as const;

export function AttentionList({ attention, slug }: { attention: Attention[]; slug: string }) {
  if (attention.length === 0) {
    return (
      <Group gap="sm" wrap="nowrap" c="dimmed">
        <IconCircleCheck
          size={22}
          aria-hidden
          color="var(--mantine-color-green-light-color)"
          style={{ flex: "none" }}
        />
        <Text>Nothing. All is as it should be.</Text>
      </Group>
    );
  }
  return (
    <Stack component="ul" gap="md" m={0} p={0} style={{ listStyle: "none" }}>
      {attention.map((item, index) => (
        <Item key={`${item.kind}-${index}`} item={item} slug={slug} />
      ))}
    </Stack>
  );
}

function Item({ item, slug }: { item: Attention; slug: string }) {
  const { word, icon: Icon, color } = severities[item.severity];
  return (
    <Group component="li" gap="sm" wrap="nowrap" align="flex-start">
      <Icon size={22} color={color} aria-label={word} role="img" style={{ flex: "none" }} />
      <div>
        <Text>{item.message}</Text>
        <Group gap="md">
          {item.tab && (
            <Anchor component={Link} to={addressOf(item, slug)} size="sm" fw={600}>
              {places[item.tab]}
              <IconChevronRight size={14} aria-hidden style={{ verticalAlign: "-2px" }} />
            </Anchor>
          )}
          {item.since && (
            <Text span size="sm" c="dimmed">
              <Moment at={item.since} />
            </Text>
          )}
        </Group>
      </div>
    </Group>
  );
}

function addressOf({ tab, query }: Attention, slug: string): string {
  const params = new URLSearchParams(
    Object.entries(query ?? {}).map(([name, value]) => [name, String(value)]),
  );
  const text = params.toString();
  return `/directory/sources/${slug}/${tab}${text ? `?${text}` : ""}`;
}
