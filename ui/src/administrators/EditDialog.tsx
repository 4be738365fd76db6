import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useEditAdministrator } from "../api/administrators";
import type { Administrator } from "../api/types";
import { messageOf } from "../components/ErrorState";
import { RoleField } from "./RoleField";

export interface EditDialogProps {
  administrator: Administrator | null;
  onClose: () => void;
}

export function EditDialog({ administrator, onClose }: EditDialogProps) {
  return (
    <Modal opened={administrator !== null} onClose={onClose} title="Name and role">
      {administrator && <EditForm administrator={administrator} onClose={onClose} />}
    </Modal>
  );
}

function EditForm({
  administrator,
  onClose,
}: {
  administrator: Administrator;
  onClose: () => void;
}) {
  const edit = useEditAdministrator();
  const form = useForm({
    initialValues: { name: administrator.name, role: administrator.role },
    validate: { name: (name) => (name.trim() === "" ? "Enter a name." : null) },
  });
  return (
    <form
      noValidate
      onSubmit={form.onSubmit(({ name, role }) =>
        edit.mutate({ id: administrator.id, name: name.trim(), role }, { onSuccess: onClose }),
      )}
    >
      <Stack>
        <TextInput label="Name" autoComplete="off" data-autofocus {...form.getInputProps("name")} />
        <RoleField
          of={administrator.name}
          value={form.values.role}
          onChange={(role) => form.setFieldValue("role", role)}
        />
        {edit.error && (
          <Text c="var(--mantine-color-error)" size="sm" role="alert">
            {messageOf(edit.error)}
          </Text>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={edit.isPending}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
