// Makes an API token, and shows its secret the one time.
import { Alert, Button, Group, Modal, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useState } from "react";
import { RoleField } from "../administrators/RoleField";
import { useMakeApiToken } from "../api/api-tokens";
import { ApiError } from "../api/client";
import type { NewApiToken, Role } from "../api/types";
import { CopyField } from "../components/CopyField";
import { messageOf } from "../components/ErrorState";
import { EXPIRIES, expiryOf } from "./expiries";

/** A token whose secret is there to be shown. */
type ShownToken = NewApiToken & { secret: string };

export interface NewTokenDialogProps {
  opened: boolean;
  onClose: () => void;
}

export function NewTokenDialog({ opened, onClose }: NewTokenDialogProps) {
  const [made, setMade] = useState<ShownToken | null>(null);
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      // The secret goes with the dialog, so only once it has closed for good.
      onExitTransitionEnd={() => setMade(null)}
      title={made ? `API token “${made.api_token.name}”` : "New API token"}
      size="lg"
      closeOnClickOutside={made === null}
    >
      {made ? (
        <Secret made={made} onClose={onClose} />
      ) : (
        <NewTokenForm onClose={onClose} onMade={setMade} />
      )}
    </Modal>
  );
}

function Secret({ made, onClose }: { made: ShownToken; onClose: () => void }) {
  const command = `curl --header "Authorization: Bearer $TOKEN" ${window.location.origin}/api/v1/sources`;
  return (
    <Stack>
      <Alert color="yellow" icon={<IconAlertTriangle aria-hidden />} title="Copy it now">
        Only its hash is kept, so this is the one time that it is shown.
      </Alert>
      <CopyField label="API token" value={made.secret} />
      <CopyField
        label="To try it"
        value={command}
        description="With the token in the variable TOKEN:"
      />
      <Group justify="flex-end">
        <Button onClick={onClose}>Done</Button>
      </Group>
    </Stack>
  );
}

function NewTokenForm({
  onClose,
  onMade,
}: {
  onClose: () => void;
  onMade: (made: ShownToken) => void;
}) {
  const make = useMakeApiToken();
  const form = useForm({
    initialValues: { name: "", role: "auditor" as Role, expiry: "90d" },
    validate: { name: (name) => (name.trim() === "" ? "Say what the token is for." : null) },
  });
  const send = form.onSubmit(({ name, role, expiry }) =>
    make.mutate(
      { name: name.trim(), role, expires: expiryOf(expiry, new Date()) },
      {
        onSuccess: onMade,
        onError: (error) => {
          if (error instanceof ApiError && error.field)
            form.setFieldError(error.field, error.detail);
        },
      },
    ),
  );
  const general = make.error && !(make.error instanceof ApiError && make.error.field === "name");

  return (
    <form noValidate onSubmit={send}>
      <Stack>
        <TextInput
          label="Name"
          description="What it is for, such as “nightly report”."
          autoComplete="off"
          data-autofocus
          {...form.getInputProps("name")}
        />
        <RoleField
          of="the token"
          value={form.values.role}
          onChange={(role) => form.setFieldValue("role", role)}
        />
        <NativeSelect label="Works for" data={EXPIRIES} {...form.getInputProps("expiry")} />
        {general && (
          <Text c="var(--mantine-color-error)" size="sm" role="alert">
            {messageOf(make.error)}
          </Text>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={make.isPending}>
            Make the token
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
