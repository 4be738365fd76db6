// A value to carry elsewhere: label, value, and a button that copies it and says so.
//
//   <CopyField label="SCIM Base URL" value={source.base_url} />
//
// `CopyButton` is the button alone: <CopyButton value={curl} label="Copy as curl" />
import { ActionIcon, Button, Group, Input, Text, Tooltip, VisuallyHidden } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import classes from "./CopyField.module.css";
import { copyText } from "./copy-text";
import { messageOf } from "./ErrorState";

type Copying = { state: "idle" | "copied" } | { state: "failed"; why: string };

export function useCopy() {
  const [copying, setCopying] = useState<Copying>({ state: "idle" });
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  /** Resolves to whether it worked. */
  const copy = async (text: string | Promise<string>): Promise<boolean> => {
    clearTimeout(timer.current);
    try {
      await copyText(text);
      setCopying({ state: "copied" });
      timer.current = setTimeout(() => setCopying({ state: "idle" }), 2_500);
      return true;
    } catch (error) {
      setCopying({ state: "failed", why: messageOf(error) });
      return false;
    }
  };
  return { copying, copied: copying.state === "copied", copy };
}

/** Tells screen readers of the copying; sighted readers see the button change. */
export function CopyAnnouncement({ copying, what }: { copying: Copying; what: string }) {
  return (
    <>
      <VisuallyHidden role="status">
        {copying.state === "copied" ? `Copied ${what}` : ""}
      </VisuallyHidden>
      {copying.state === "failed" && (
        <Text size="sm" c="var(--mantine-color-error)" role="alert">
          Not copied. {copying.why}
        </Text>
      )}
    </>
  );
}

export interface CopyButtonProps {
  value: string;
  /** Words on the button; without them it is an icon, named "Copy {what}". */
  label?: string;
  what?: string;
}

export function CopyButton({ value, label, what = "the value" }: CopyButtonProps) {
  const { copying, copied, copy } = useCopy();
  const icon = copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />;
  return (
    <>
      {label ? (
        <Button variant="default" leftSection={icon} onClick={() => void copy(value)}>
          {copied ? "Copied" : label}
        </Button>
      ) : (
        <Tooltip label={copied ? "Copied" : "Copy"}>
          <ActionIcon
            variant="default"
            size="lg"
            aria-label={`Copy ${what}`}
            onClick={() => void copy(value)}
          >
            {icon}
          </ActionIcon>
        </Tooltip>
      )}
      <CopyAnnouncement copying={copying} what={label ? "" : what} />
    </>
  );
}

export interface CopyFieldProps {
  label: string;
  value: string;
  description?: ReactNode;
}

export function CopyField({ label, value, description }: CopyFieldProps) {
  const id = useId();
  return (
    <div>
      <Input.Label id={id} component="div" mb={6}>
        {label}
      </Input.Label>
      {description && (
        <Text size="sm" c="dimmed" mb={4}>
          {description}
        </Text>
      )}
      <Group gap={8} wrap="nowrap">
        <code
          className={classes.value}
          aria-labelledby={id}
          role="textbox"
          aria-readonly
          tabIndex={0}
        >
          {value}
        </code>
        <CopyButton value={value} what={label} />
      </Group>
    </div>
  );
}
