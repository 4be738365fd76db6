import { Card, Group, Text, ThemeIcon, Title } from "@mantine/core";
import { IconAlertTriangle, IconCheck } from "@tabler/icons-react";
import type { HealthCheck } from "../../api/types";
import classes from "./HealthPage.module.css";

export function HealthChecks({ checks }: { checks: HealthCheck[] }) {
  const failing = checks.filter(({ ok }) => !ok).length;
  return (
    <Card component="section">
      <Title order={2} mb="md">
        {failing === 0
          ? "All is well"
          : failing === 1
            ? "One thing needs attention"
            : `${failing} things need attention`}
      </Title>
      <ul className={classes.checks}>
        {checks.map(({ name, ok, detail }) => (
          <Group component="li" key={name} gap="sm" wrap="nowrap" align="flex-start">
            <ThemeIcon
              variant="light"
              color={ok ? "green" : "red"}
              size={28}
              radius="xl"
              aria-hidden
            >
              {ok ? <IconCheck size={16} /> : <IconAlertTriangle size={16} />}
            </ThemeIcon>
            <div>
              <Text fw={600}>
                {name.charAt(0).toUpperCase() + name.slice(1)}
                {!ok && " needs attention"}
              </Text>
              <Text size="sm" c="dimmed">
                {detail}
              </Text>
            </div>
          </Group>
        ))}
      </ul>
    </Card>
  );
}
