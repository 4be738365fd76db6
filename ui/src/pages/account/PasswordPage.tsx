import { Alert, Button, Card, Group, Stack } from "@mantine/core";
import { useForm } from "@mantine/form";
import { notifications } from "@mantine/notifications";
import { IconAlertCircle } from "@tabler/icons-react";
import { ApiError } from "../../api/client";
import { useAdministrator, useChangePassword } from "../../api/session";
import { messageOf } from "../../components/ErrorState";
import { PageHeader } from "../../components/PageHeader";
import { NewPasswordField, PasswordField, passwordProblem } from "../entrance/PasswordField";

export default function PasswordPage() {
  const administrator = useAdministrator();
  const change = useChangePassword();
  const form = useForm({
    initialValues: { current_password: "", new_password: "" },
    validate: {
      current_password: (password) => (password === "" ? "Enter your current password." : null),
      new_password: passwordProblem,
    },
  });
  const fieldOf = (error: unknown) => {
    if (!(error instanceof ApiError)) return null;
    if (error.code === "wrong_credentials") return "current_password";
    return error.field && error.field in form.values ? error.field : null;
  };

  const submit = form.onSubmit((values) =>
    change.mutate(values, {
      onSuccess: () => {
        form.reset();
        notifications.show({
          title: "Password changed",
          message: "Your other sessions have ended; this one goes on.",
        });
      },
      onError: (error) => {
        const field = fieldOf(error);
        if (field === "current_password") {
          form.setFieldError(field, "This is not your current password.");
        } else if (field) {
          form.setFieldError(field, messageOf(error));
        }
      },
    }),
  );

  return (
    <>
      <PageHeader
        title="Change password"
        description={`The password of ${administrator.email}. Changing it ends your sessions in other browsers.`}
      />
      <Card maw={480}>
        <form noValidate onSubmit={submit}>
          <Stack>
            {change.error && !fieldOf(change.error) && (
              <Alert
                icon={<IconAlertCircle aria-hidden />}
                color="red"
                title="Password not changed"
                role="alert"
              >
                {messageOf(change.error)}
              </Alert>
            )}
            <input
              type="email"
              autoComplete="username"
              value={administrator.email}
              readOnly
              hidden
              aria-hidden
            />
            <PasswordField
              label="Current password"
              autoComplete="current-password"
              {...form.getInputProps("current_password")}
            />
            <NewPasswordField label="New password" {...form.getInputProps("new_password")} />
            <Group justify="flex-end">
              <Button type="submit" loading={change.isPending}>
                Change password
              </Button>
            </Group>
          </Stack>
        </form>
      </Card>
    </>
  );
}
