// Asks before something is gone for good: what goes with it, and its name typed to mean it.
//
//   <ConfirmDelete
//     opened={opened} onClose={close}
//     title="Delete this source?" name={source.name} action="Delete the source"
//     onConfirm={(typed) => remove.mutateAsync(typed)}
//   >
//     1,204 users and 38 groups are deleted with it.
//   </ConfirmDelete>
//
// `onConfirm` may fail: its error is shown, and the dialog stays. Without `name`, one click suffices.
import { Button, Code, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { messageOf } from "./ErrorState";

export interface ConfirmDeleteProps {
  opened: boolean;
  onClose: () => void;
  title: string;
  /** What has to be typed. */
  name?: string;
  action: string;
  children: ReactNode;
  onConfirm: (typed: string) => Promise<unknown>;
}

export function ConfirmDelete(props: ConfirmDeleteProps) {
  const { opened, onClose, title } = props;
  return (
    <Modal opened={opened} onClose={onClose} title={title}>
      {/* Within the dialog, so that each opening starts with an empty field. */}
      <Question {...props} />
    </Modal>
  );
}

function Question({ onClose, name, action, children, onConfirm }: ConfirmDeleteProps) {
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const meant = name === undefined || typed.trim() === name.trim();

  const confirm = async () => {
    if (!meant || busy) return;
    setBusy(true);
    setError(null);
    try {
      await onConfirm(typed.trim());
      onClose();
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(false);
    }
  };

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void confirm();
      }}
    >
      <Stack>
        <Text component="div">{children}</Text>
        {name !== undefined && (
          <TextInput
            label={
              <>
                Type <Code fz="sm">{name}</Code> to confirm
              </>
            }
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            autoComplete="off"
            spellCheck={false}
            data-autofocus
          />
        )}
        {error !== null && (
          <Text c="var(--mantine-color-error)" size="sm" role="alert">
            {messageOf(error)}
          </Text>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" color="red" disabled={!meant} loading={busy}>
            {action}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
