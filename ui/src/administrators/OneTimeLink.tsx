// A link that lets somebody set their password, shown to whoever hands it over.
import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { IconInfoCircle } from "@tabler/icons-react";
import { CopyField } from "../components/CopyField";
import { exactly } from "../components/moment-words";

export interface Handover {
  name: string;
  link: string;
  expires: string;
  why: "invited" | "reset";
}

export interface OneTimeLinkProps {
  handover: Handover | null;
  onClose: () => void;
}

export function OneTimeLink({ handover, onClose }: OneTimeLinkProps) {
  return (
    <Modal
      opened={handover !== null}
      onClose={onClose}
      title={handover?.why === "reset" ? "A new password" : "Invitation"}
      size="lg"
      closeOnClickOutside={false}
    >
      {handover && (
        <Stack>
          <Text>
            {handover.why === "reset"
              ? `${handover.name} is signed out everywhere and sets a new password with this link.`
              : `${handover.name} sets a password with this link and is signed in.`}
          </Text>
          <CopyField label="One-time link" value={handover.link} />
          <Alert icon={<IconInfoCircle aria-hidden />} color="blue">
            Hand it over yourself: Headwater sends no mail. It works once, until{" "}
            {exactly(handover.expires)}, and is not shown again. Whoever has it can sign in.
          </Alert>
          <Group justify="flex-end">
            <Button onClick={onClose}>Done</Button>
          </Group>
        </Stack>
      )}
    </Modal>
  );
}
