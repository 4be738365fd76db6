import { Card, Group, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useEditSource } from "../../api/sources";
import type { Source } from "../../api/types";
import { ChangeButton } from "../../components/ChangeButton";
import { messageOf } from "../../components/ErrorState";

export function DisableSource({ source }: { source: Source }) {
  const edit = useEditSource(source.slug);
  const set = (enabled: boolean) =>
    edit.mutate(
      { enabled },
      {
        onSuccess: () =>
          notifications.show({
            title: enabled ? "Enabled" : "Disabled",
            message: enabled
              ? `${source.name} answers its identity provider again.`
              : `${source.name} refuses every request from now on.`,
          }),
        onError: (error) =>
          notifications.show({ color: "red", title: "Not changed", message: messageOf(error) }),
      },
    );
  return (
    <Card component="section" aria-labelledby="disable">
      <Title order={2} id="disable">
        {source.enabled ? "Disable the source" : "The source is disabled"}
      </Title>
      <Text c="dimmed" mt={4} mb="md">
        {source.enabled
          ? "While it is disabled, every request of the identity provider is refused, and appears in the activity as refused. Users, groups and tokens stay as they are; most identity providers go on trying, and catch up once it is enabled again."
          : "Every request of the identity provider is refused. Users, groups and tokens are as they were. Once enabled, the identity provider goes on where it stopped."}
      </Text>
      <Group>
        {source.enabled ? (
          <ChangeButton
            variant="default"
            leftSection={<IconPlayerPause size={18} aria-hidden />}
            loading={edit.isPending}
            onClick={() => set(false)}
          >
            Disable
          </ChangeButton>
        ) : (
          <ChangeButton
            leftSection={<IconPlayerPlay size={18} aria-hidden />}
            loading={edit.isPending}
            onClick={() => set(true)}
          >
            Enable
          </ChangeButton>
        )}
      </Group>
    </Card>
  );
}
