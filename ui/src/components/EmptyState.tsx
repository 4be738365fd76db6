// Where nothing is yet: says what would be here, and what to do next.
//
//   <EmptyState icon={IconUsers} title="No users yet" action={<Button …>Connect</Button>}>
//     They appear here as soon as the identity provider sends them.
//   </EmptyState>
import { Stack, Text, ThemeIcon, Title } from "@mantine/core";
import type { TablerIcon } from "@tabler/icons-react";
import type { ReactNode } from "react";

export interface EmptyStateProps {
  /** 1 where it stands for the whole page. */
  level?: 1 | 2;
  icon: TablerIcon;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}

export function EmptyState({ icon: Icon, title, level = 2, children, action }: EmptyStateProps) {
  return (
    <Stack align="center" gap="sm" py={48} px="md">
      <ThemeIcon size={56} radius="xl" variant="light" aria-hidden>
        <Icon size={28} stroke={1.5} />
      </ThemeIcon>
      <Title order={level} size="h2" ta="center">
        {title}
      </Title>
      {children && (
        <Text component="div" c="dimmed" ta="center" maw="32rem">
          {children}
        </Text>
      )}
      {action}
    </Stack>
  );
}
