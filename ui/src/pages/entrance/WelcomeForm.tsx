import { Alert, Button, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconAlertCircle } from "@tabler/icons-react";
import { useNavigate } from "react-router";
import { ApiError } from "../../api/client";
import { useLink } from "../../api/session";
import type { LinkPurpose } from "../../api/types";
import { messageOf } from "../../components/ErrorState";
import { NewPasswordField, passwordProblem } from "./PasswordField";

export function WelcomeForm({ purpose, secret }: { purpose: LinkPurpose; secret: string }) {
  const first = purpose.purpose === "first_administrator";
  const navigate = useNavigate();
  const use = useLink();
  const form = useForm({
    initialValues: { name: purpose.name ?? "", email: purpose.email ?? "", password: "" },
    validate: {
      name: (name) => (first && name.trim() === "" ? "Enter your name." : null),
      email: (email) =>
        first && !/^\S+@\S+$/.test(email.trim())
          ? "Enter an e-mail address, as in ada@example.com."
          : null,
      password: passwordProblem,
    },
  });

  const submit = form.onSubmit(({ name, email, password }) =>
    use.mutate(
      first ? { secret, password, name: name.trim(), email: email.trim() } : { secret, password },
      {
        onSuccess: () => void navigate("/", { replace: true }),
        onError: (error) => {
          if (error instanceof ApiError && error.field && error.field in form.values) {
            form.setFieldError(error.field, error.detail);
          }
        },
      },
    ),
  );
  const elsewhere =
    use.error &&
    !(use.error instanceof ApiError && use.error.field && use.error.field in form.values);

  return (
    <form noValidate onSubmit={submit}>
      <Stack>
        {elsewhere && (
          <Alert icon={<IconAlertCircle aria-hidden />} color="red" title="Not done" role="alert">
            {messageOf(use.error)}
          </Alert>
        )}
        {first ? (
          <>
            <TextInput label="Name" autoComplete="name" autoFocus {...form.getInputProps("name")} />
            <TextInput
              label="E-mail"
              description="You sign in with it."
              type="email"
              autoComplete="username"
              {...form.getInputProps("email")}
            />
          </>
        ) : (
          // Tells a password manager whose password this is.
          <input
            type="email"
            autoComplete="username"
            value={purpose.email ?? ""}
            readOnly
            hidden
            aria-hidden
          />
        )}
        <NewPasswordField label="Password" autoFocus={!first} {...form.getInputProps("password")} />
        <Button type="submit" size="md" fullWidth loading={use.isPending}>
          {first ? "Make the account" : "Set the password"}
        </Button>
      </Stack>
    </form>
  );
}
