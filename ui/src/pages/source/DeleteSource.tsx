import { Card, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconTrash } from "@tabler/icons-react";
import { useNavigate } from "react-router";
import { useDeleteSource } from "../../api/sources";
import type { Source } from "../../api/types";
import { ChangeButton } from "../../components/ChangeButton";
import { ConfirmDelete } from "../../components/ConfirmDelete";

export function DeleteSource({ source }: { source: Source }) {
  const remove = useDeleteSource(source.slug);
  const navigate = useNavigate();
  const [asking, dialog] = useDisclosure(false);
  const { users, groups } = source.status;
  return (
    <Card component="section" aria-labelledby="delete">
      <Title order={2} id="delete">
        Delete the source
      </Title>
      <Text c="dimmed" mt={4} mb="md">
        Its {counted(users, "user")}, {counted(groups, "group")}, tokens and request log are deleted
        with it, and can't be brought back. To stop it for a while, disable it.
      </Text>
      <ChangeButton
        color="red"
        variant="light"
        leftSection={<IconTrash size={18} aria-hidden />}
        onClick={dialog.open}
        w="fit-content"
      >
        Delete…
      </ChangeButton>
      <ConfirmDelete
        opened={asking}
        onClose={dialog.close}
        title={`Delete ${source.name}?`}
        name={source.name}
        action="Delete the source"
        onConfirm={async (typed) => {
          await remove.mutateAsync(typed);
          notifications.show({ title: "Deleted", message: `${source.name} is gone.` });
          void navigate("/directory/sources", { replace: true });
        }}
      >
        <b>
          {counted(users, "user")} and {counted(groups, "group")}
        </b>{" "}
        are deleted with it, and so are its tokens and its request log. The identity provider's
        requests are refused from then on. This can't be undone.
      </ConfirmDelete>
    </Card>
  );
}

function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
