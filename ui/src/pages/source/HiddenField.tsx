import { ActionIcon, Button, Code, Group, Stack, Text, TextInput, Tooltip } from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { type KeyboardEvent, useRef, useState } from "react";
import classes from "./HiddenField.module.css";

/** What Microsoft's validator of SCIM endpoints stumbles over. */
const SUGGESTED = ["password", "emails.display"];

interface HiddenFieldProps {
  value: string[];
  onChange: (value: string[]) => void;
  /** Why the server refused the list. */
  error: string | null;
  disabled?: boolean;
}

/** A list of attributes and schemas that /Schemas doesn't mention. */
export function HiddenField({ value, onChange, error, disabled }: HiddenFieldProps) {
  const [typed, setTyped] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const has = (path: string) => value.some((one) => one.toLowerCase() === path.toLowerCase());
  const suggested = SUGGESTED.filter((path) => !has(path));

  const add = (path: string) => {
    if (path !== "" && !has(path)) onChange([...value, path]);
  };
  const addTyped = () => {
    add(typed.trim());
    setTyped("");
    input.current?.focus();
  };
  const remove = (path: string) => {
    onChange(value.filter((one) => one !== path));
    // Its button is gone; the field is where one goes on.
    input.current?.focus();
  };

  return (
    <Stack gap="md">
      <Text c="dimmed">
        For clients that refuse what they find there. What is left out works as before; it is only
        not mentioned.
      </Text>
      {value.length > 0 && (
        <ul className={classes.paths} aria-label="Left out of /Schemas">
          {value.map((path) => (
            <li key={path} className={classes.path}>
              <Code fz="sm">{path}</Code>
              {!disabled && (
                <Tooltip label="Remove">
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    size="sm"
                    aria-label={`Remove ${path}`}
                    onClick={() => remove(path)}
                  >
                    <IconX size={14} aria-hidden />
                  </ActionIcon>
                </Tooltip>
              )}
            </li>
          ))}
        </ul>
      )}
      {disabled ? (
        value.length === 0 && <Text>Nothing is left out.</Text>
      ) : (
        <>
          <Group gap="xs" align="flex-end">
            <TextInput
              ref={input}
              flex="1 1 16rem"
              label="Attribute or schema"
              description="A path such as emails.display, or the URN of a schema or of one of its attributes."
              autoComplete="off"
              spellCheck={false}
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              onKeyDown={(event: KeyboardEvent) => {
                if (event.key !== "Enter" || typed.trim() === "") return;
                // It would save the settings.
                event.preventDefault();
                addTyped();
              }}
            />
            <Button variant="default" disabled={typed.trim() === ""} onClick={addTyped}>
              Add
            </Button>
          </Group>
          {error !== null && (
            <Text size="sm" c="var(--mantine-color-error)" role="alert">
              {error}
            </Text>
          )}
          {suggested.length > 0 && (
            <Group gap="xs">
              <Text size="sm" c="dimmed">
                For the validator of Microsoft Entra ID:
              </Text>
              {suggested.map((path) => (
                <Button
                  key={path}
                  variant="default"
                  size="xs"
                  leftSection={<IconPlus size={14} aria-hidden />}
                  aria-label={`Add ${path}`}
                  onClick={() => add(path)}
                >
                  {path}
                </Button>
              ))}
            </Group>
          )}
        </>
      )}
    </Stack>
  );
}
