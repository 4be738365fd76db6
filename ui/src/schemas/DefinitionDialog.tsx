// A definition to be typed, pasted or opened from a file; where it is refused, the place shows.
import { Button, FileButton, Group, Modal, Stack, Text, Textarea } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { IconFileUpload, IconSparkles } from "@tabler/icons-react";
import { type ReactNode, useRef, useState } from "react";
import { messageOf } from "../components/ErrorState";
import { FaultView } from "./FaultView";
import { type DefinitionFault, faultOfJson, faultOfRefusal } from "./faults";
import { readJson } from "./json-places";
import classes from "./Schemas.module.css";

export interface DefinitionDialogProps {
  opened: boolean;
  onClose: () => void;
  title: string;
  /** What the text is to be. */
  description: ReactNode;
  /** What it starts with. */
  text: string;
  /** Offered while nothing is typed. */
  example: string;
  /** Further fields, given what is read so far; null while it is no JSON. */
  children: (value: unknown) => ReactNode;
  onPut: (value: unknown) => Promise<unknown>;
}

export function DefinitionDialog(props: DefinitionDialogProps) {
  const { opened, onClose, title } = props;
  const small = useMediaQuery("(max-width: 48em)");
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={title}
      size="52rem"
      fullScreen={small}
      radius={small ? 0 : undefined}
      // What is typed is not lost by a click beside it.
      closeOnClickOutside={false}
    >
      <DefinitionForm {...props} />
    </Modal>
  );
}

function DefinitionForm(props: DefinitionDialogProps) {
  const { onClose, description, example, children, onPut } = props;
  const [text, setText] = useState(props.text);
  const [fault, setFault] = useState<DefinitionFault | null>(null);
  const [busy, setBusy] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const reading = readJson(text);

  const write = (next: string) => {
    setText(next);
    setFault(null);
  };
  const refuse = (found: DefinitionFault) => {
    setFault(found);
    if (found.place && area.current) select(area.current, found.place);
  };
  const open = async (file: File | null) => {
    if (!file) return;
    try {
      write(await file.text());
    } catch (error) {
      setFault({ message: messageOf(error), member: null, place: null });
    }
    area.current?.focus();
  };
  const put = async () => {
    if (busy) return;
    if (reading.fault) {
      refuse(faultOfJson(text, reading.fault));
      return;
    }
    setBusy(true);
    setFault(null);
    try {
      await onPut(reading.value);
      onClose();
    } catch (error) {
      refuse(faultOfRefusal(error, text, reading.places));
    } finally {
      setBusy(false);
    }
  };

  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void put();
      }}
    >
      <Stack>
        <Text c="dimmed">{description}</Text>
        <Textarea
          ref={area}
          label="Definition (JSON)"
          rows={16}
          resize="vertical"
          wrap="off"
          spellCheck={false}
          autoComplete="off"
          data-autofocus
          classNames={{ input: classes.text }}
          value={text}
          error={fault !== null}
          onChange={(event) => write(event.currentTarget.value)}
        />
        <Group gap="xs">
          <FileButton accept=".json,application/json" onChange={(file) => void open(file)}>
            {(button) => (
              <Button
                {...button}
                variant="default"
                size="xs"
                leftSection={<IconFileUpload size={16} aria-hidden />}
              >
                Open a file
              </Button>
            )}
          </FileButton>
          {text.trim() === "" && (
            <Button
              variant="default"
              size="xs"
              leftSection={<IconSparkles size={16} aria-hidden />}
              onClick={() => {
                write(example);
                area.current?.focus();
              }}
            >
              Start with an example
            </Button>
          )}
        </Group>
        {fault && <FaultView fault={fault} />}
        {children(reading.fault ? null : reading.value)}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={busy} disabled={text.trim() === ""}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** Marks a part of the text, and brings it into sight. */
function select(area: HTMLTextAreaElement, { start, end }: { start: number; end: number }) {
  area.focus({ preventScroll: true });
  area.setSelectionRange(start, end);
  const line = area.value.slice(0, start).split("\n").length;
  const height = Number.parseFloat(getComputedStyle(area).lineHeight);
  area.scrollTop = Math.max(0, (line - 4) * height);
  area.scrollLeft = 0;
}

export const textOf = (definition: object) => JSON.stringify(definition, null, 2);
