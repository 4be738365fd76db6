import { Group, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

export interface PartHeadProps {
  id: string;
  title: string;
  action?: ReactNode;
  children: ReactNode;
}

/** What a part of the page is about, and what can be done in it. */
export function PartHead({ id, title, action, children }: PartHeadProps) {
  return (
    <Group justify="space-between" gap="md" mb="md">
      <div>
        <Title order={2} id={id}>
          {title}
        </Title>
        <Text c="dimmed" maw="44rem">
          {children}
        </Text>
      </div>
      {action}
    </Group>
  );
}
