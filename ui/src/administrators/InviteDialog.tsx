import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useInvite } from "../api/administrators";
import { ApiError } from "../api/client";
import type { Role } from "../api/types";
import { messageOf } from "../components/ErrorState";
import type { Handover } from "./OneTimeLink";
import { RoleField } from "./RoleField";

export interface InviteDialogProps {
  opened: boolean;
  onClose: () => void;
  onInvited: (handover: Handover) => void;
}

export function InviteDialog({ opened, onClose, onInvited }: InviteDialogProps) {
  return (
    <Modal opened={opened} onClose={onClose} title="Invite an administrator">
      <InviteForm onClose={onClose} onInvited={onInvited} />
    </Modal>
  );
}

function InviteForm({ onClose, onInvited }: Omit<InviteDialogProps, "opened">) {
  const invite = useInvite();
  const form = useForm({
    initialValues: { email: "", name: "", role: "auditor" as Role },
    validate: {
      email: (email) => (/^\S+@\S+$/.test(email.trim()) ? null : "Enter an e-mail address."),
      name: (name) => (name.trim() === "" ? "Enter a name." : null),
    },
  });
  const send = form.onSubmit(({ email, name, role }) =>
    invite.mutate(
      { email: email.trim(), name: name.trim(), role },
      {
        onSuccess: ({ administrator, link, link_expires }) => {
          onClose();
          onInvited({ name: administrator.name, link, expires: link_expires, why: "invited" });
        },
        onError: (error) => {
          if (error instanceof ApiError && error.field)
            form.setFieldError(error.field, error.detail);
        },
      },
    ),
  );
  const general = invite.error && !(invite.error instanceof ApiError && invite.error.field);

  return (
    <form noValidate onSubmit={send}>
      <Stack>
        <TextInput
          label="E-mail"
          type="email"
          description="What they sign in with."
          autoComplete="off"
          data-autofocus
          {...form.getInputProps("email")}
        />
        <TextInput label="Name" autoComplete="off" {...form.getInputProps("name")} />
        <RoleField
          of="the new account"
          value={form.values.role}
          onChange={(role) => form.setFieldValue("role", role)}
        />
        {general && (
          <Text c="var(--mantine-color-error)" size="sm" role="alert">
            {messageOf(invite.error)}
          </Text>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={invite.isPending}>
            Make the link
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
