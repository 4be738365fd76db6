import { PasswordInput, type PasswordInputProps } from "@mantine/core";

export const SHORTEST_PASSWORD = 12;
export const LONGEST_PASSWORD = 1024;

/** A password to be set; the server judges whether it is easily guessed. */
export function NewPasswordField(props: PasswordInputProps) {
  return (
    <PasswordField
      description={`At least ${SHORTEST_PASSWORD} characters. Several words in a row make a good one.`}
      autoComplete="new-password"
      {...props}
    />
  );
}

export function PasswordField(props: PasswordInputProps) {
  return (
    <PasswordInput
      // The button that shows the password is for the keyboard, too.
      visibilityToggleButtonProps={{ "aria-label": "Show the password", tabIndex: 0 }}
      {...props}
    />
  );
}

export function passwordProblem(password: string): string | null {
  // The server counts characters, not UTF-16 units.
  const length = Array.from(password).length;
  if (length < SHORTEST_PASSWORD) {
    return `Use at least ${SHORTEST_PASSWORD} characters; these are ${length}.`;
  }
  if (length > LONGEST_PASSWORD) return `Use at most ${LONGEST_PASSWORD} characters.`;
  return null;
}
