import {
  Alert,
  Button,
  Card,
  Group,
  NumberInput,
  Skeleton,
  Stack,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { useForm } from "@mantine/form";
import { notifications } from "@mantine/notifications";
import { IconLock } from "@tabler/icons-react";
import { ApiError } from "../../api/client";
import { AUDITOR_REASON, useCanChange } from "../../api/session";
import { useEditSettings, useSettings } from "../../api/system";
import type { Settings } from "../../api/types";
import { ErrorState, messageOf } from "../../components/ErrorState";
import { PageHeader } from "../../components/PageHeader";
import { changedSettings, type SettingsForm, validate } from "./changed-settings";

export default function SettingsPage() {
  const query = useSettings();
  return (
    <>
      <PageHeader title="Settings" description="What holds for the whole server." />
      {query.data ? (
        <SettingsCards settings={query.data} />
      ) : query.error ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <Skeleton h={320} aria-busy />
      )}
    </>
  );
}

function SettingsCards({ settings }: { settings: Settings }) {
  const canChange = useCanChange();
  const edit = useEditSettings();
  const form = useForm<SettingsForm>({ initialValues: settings, validate });
  const changes = changedSettings(settings, form.values);
  const dirty = Object.keys(changes).length > 0;

  const save = form.onSubmit(() =>
    edit.mutate(changes, {
      onSuccess: (saved) => {
        form.setValues(saved);
        notifications.show({ color: "green", message: "Settings saved." });
      },
      onError: (error) => {
        if (error instanceof ApiError && error.field) form.setFieldError(error.field, error.detail);
      },
    }),
  );

  return (
    <form noValidate onSubmit={save}>
      <Stack maw="44rem">
        {!canChange && (
          <Alert icon={<IconLock aria-hidden />} color="blue">
            {AUDITOR_REASON}
          </Alert>
        )}
        <Section title="Organization">
          <TextInput
            label="Name"
            description="Whose directory this is."
            readOnly={!canChange}
            {...form.getInputProps("organization_name")}
          />
        </Section>
        <Section title="Sessions">
          <NumberInput
            label="Sign in again after"
            description="Counted from signing in. Between 1 hour and 30 days."
            suffix=" hours"
            min={1}
            max={720}
            allowDecimal={false}
            maw={360}
            readOnly={!canChange}
            {...form.getInputProps("session_hours")}
          />
        </Section>
        <Section
          title="Request log"
          description="What new sources start with. Each source’s own limits are on its Settings tab. The oldest requests go first, whichever limit is reached sooner."
        >
          <Group align="flex-start">
            <NumberInput
              label="Keep for"
              suffix=" days"
              min={1}
              allowDecimal={false}
              w={200}
              readOnly={!canChange}
              {...form.getInputProps("default_request_log_days")}
            />
            <NumberInput
              label="Keep at most"
              suffix=" MB"
              min={1}
              allowDecimal={false}
              thousandSeparator=","
              w={200}
              readOnly={!canChange}
              {...form.getInputProps("default_request_log_megabytes")}
            />
          </Group>
        </Section>
        {edit.error && !(edit.error instanceof ApiError && edit.error.field) && (
          <Text c="var(--mantine-color-error)" size="sm" role="alert">
            {messageOf(edit.error)}
          </Text>
        )}
        {canChange && (
          <Group>
            <Button type="submit" disabled={!dirty} loading={edit.isPending}>
              Save
            </Button>
            {dirty && (
              <Button variant="default" onClick={() => form.setValues(settings)}>
                Undo
              </Button>
            )}
          </Group>
        )}
      </Stack>
    </form>
  );
}

function Section({
  title,
  description,
  children,
}: {
  title: string;
  description?: string;
  children: React.ReactNode;
}) {
  return (
    <Card component="section">
      <Title order={2} fz="md" mb={description ? 4 : "sm"}>
        {title}
      </Title>
      {description && (
        <Text size="sm" c="dimmed" mb="sm">
          {description}
        </Text>
      )}
      {children}
    </Card>
  );
}
