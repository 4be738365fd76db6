// How a source is doing, by shape, word and colour alike.
//
//   <StatusLight status={source.status} />            light and word, reason as tooltip
//   <StatusLight status={source.status} withReason /> with the sentence beside it
import { Group, Text, Tooltip } from "@mantine/core";
import {
  IconAlertTriangleFilled,
  IconCircleCheckFilled,
  IconCircleDashed,
  IconPlayerPauseFilled,
} from "@tabler/icons-react";
import type { Light, Status } from "../api/types";

const lights: Record<Light, { word: string; color: string; icon: typeof IconCircleDashed }> = {
  ok: {
    word: "Working",
    color: "var(--mantine-color-green-light-color)",
    icon: IconCircleCheckFilled,
  },
  waiting: {
    word: "Waiting",
    color: "var(--mantine-color-water-light-color)",
    icon: IconCircleDashed,
  },
  attention: {
    word: "Needs attention",
    color: "var(--mantine-color-orange-light-color)",
    icon: IconAlertTriangleFilled,
  },
  disabled: { word: "Disabled", color: "var(--mantine-color-dimmed)", icon: IconPlayerPauseFilled },
};

export interface StatusLightProps {
  status: Pick<Status, "light" | "reason">;
  withReason?: boolean;
}

export function StatusLight({ status, withReason = false }: StatusLightProps) {
  const { word, color, icon: Icon } = lights[status.light];
  const light = (
    <Group gap={6} wrap="nowrap" w="fit-content" c={color}>
      <Icon size={18} aria-hidden />
      <Text span size="sm" fw={600} style={{ whiteSpace: "nowrap" }}>
        {word}
      </Text>
    </Group>
  );
  if (!withReason) return <Tooltip label={status.reason}>{light}</Tooltip>;
  return (
    <Group gap="xs">
      {light}
      <Text span size="sm" c="dimmed">
        {status.reason}
      </Text>
    </Group>
  );
}
