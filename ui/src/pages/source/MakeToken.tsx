import { Alert, Button, Group, Modal, Radio, Stack, Text, TextInput } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";
import { useState } from "react";
import { useMakeToken } from "../../api/tokens";
import { CopyField } from "../../components/CopyField";
import { messageOf } from "../../components/ErrorState";
import { endOfDay, EXPIRIES, type Expiry, inDays, tomorrow } from "./expiry";

interface MakeTokenProps {
  slug: string;
  opened: boolean;
  onClose: () => void;
}

/** Makes a token, and shows its secret this one time. */
export function MakeToken({ slug, opened, onClose }: MakeTokenProps) {
  const make = useMakeToken(slug);
  const close = () => {
    onClose();
    // The secret goes with the dialog.
    make.reset();
  };
  const secret = make.data?.secret;
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={secret ? "The new token" : "Make a token"}
      // A stray click must not lose the secret.
      closeOnClickOutside={!secret}
    >
      {secret ? (
        <Stack>
          <CopyField label="Token" value={secret} />
          <Text size="sm" c="dimmed">
            Paste it into the identity provider. It is shown here once; until its first use it can
            also be copied on the Connect page.
          </Text>
          <Group justify="flex-end">
            <Button onClick={close}>Done</Button>
          </Group>
        </Stack>
      ) : (
        <ExpiryForm
          busy={make.isPending}
          error={make.error}
          onCancel={close}
          onMake={(expires) => make.mutate(expires)}
        />
      )}
    </Modal>
  );
}

interface ExpiryFormProps {
  busy: boolean;
  error: unknown;
  onCancel: () => void;
  onMake: (expires: string | null) => void;
}

function ExpiryForm({ busy, error, onCancel, onMake }: ExpiryFormProps) {
  const [expiry, setExpiry] = useState<Expiry>("365");
  const [date, setDate] = useState("");
  const [dateError, setDateError] = useState<string | null>(null);

  const submit = () => {
    if (expiry === "never") return onMake(null);
    if (expiry !== "date") return onMake(inDays(Number(expiry), Date.now()));
    const end = endOfDay(date);
    if (end === null || Date.parse(end) <= Date.now()) {
      return setDateError("Choose a day in the future.");
    }
    onMake(end);
  };

  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Stack>
        <Radio.Group
          label="It expires"
          description="An identity provider does not renew a token by itself. Headwater warns before the day comes."
          value={expiry}
          onChange={(value) => setExpiry(value as Expiry)}
        >
          <Stack gap="xs" mt="sm">
            {EXPIRIES.map(({ value, label }) => (
              <Radio key={value} value={value} label={label} />
            ))}
          </Stack>
        </Radio.Group>
        {expiry === "date" && (
          <TextInput
            type="date"
            label="Last day"
            min={tomorrow()}
            value={date}
            error={dateError}
            onChange={(event) => {
              setDate(event.currentTarget.value);
              setDateError(null);
            }}
          />
        )}
        {error !== null && (
          <Alert
            icon={<IconAlertCircle aria-hidden />}
            color="red"
            title="No token made"
            role="alert"
          >
            {messageOf(error)}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Make the token
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
