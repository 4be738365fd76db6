import { Alert, Button, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconAlertCircle, IconTerminal2 } from "@tabler/icons-react";
import { Navigate, useSearchParams } from "react-router";
import { ApiError } from "../../api/client";
import { useSessionState, useSignIn } from "../../api/session";
import { messageOf } from "../../components/ErrorState";
import { Entrance } from "./Entrance";
import { PasswordField } from "./PasswordField";
import { returnPath } from "./return-path";

export default function SignInPage() {
  const state = useSessionState();
  const [params] = useSearchParams();
  const signIn = useSignIn();
  const form = useForm({
    initialValues: { email: "", password: "" },
    validate: {
      email: (email) => (email.trim() === "" ? "Enter your e-mail address." : null),
      password: (password) => (password === "" ? "Enter your password." : null),
    },
  });

  if (state.data?.signedIn) return <Navigate to={returnPath(params.get("return"))} replace />;

  return (
    <Entrance title="Sign in">
      <form
        noValidate
        onSubmit={form.onSubmit(({ email, password }) =>
          signIn.mutate(
            { email: email.trim(), password },
            { onError: () => form.setFieldValue("password", "") },
          ),
        )}
      >
        <Stack>
          {state.data?.setupNeeded && (
            <Alert
              icon={<IconTerminal2 aria-hidden />}
              title="No administrator yet"
              variant="light"
            >
              Look at the server's output for the one-time link, and open it to make the first
              administrator.
            </Alert>
          )}
          {signIn.error && (
            <Alert
              icon={<IconAlertCircle aria-hidden />}
              color="red"
              title={titleOf(signIn.error)}
              role="alert"
            >
              {messageOf(signIn.error)}
            </Alert>
          )}
          <TextInput
            label="E-mail"
            type="email"
            autoComplete="username"
            autoFocus
            {...form.getInputProps("email")}
          />
          <PasswordField
            label="Password"
            autoComplete="current-password"
            {...form.getInputProps("password")}
          />
          <Button type="submit" size="md" fullWidth loading={signIn.isPending}>
            Sign in
          </Button>
        </Stack>
      </form>
    </Entrance>
  );
}

function titleOf(error: unknown): string {
  if (!(error instanceof ApiError)) return "Not signed in";
  switch (error.code) {
    case "wrong_credentials":
      return "E-mail or password is wrong";
    case "slow_down":
      return "Too many attempts";
    case "insecure_transport":
      return "This connection is not encrypted";
    default:
      return "Not signed in";
  }
}
