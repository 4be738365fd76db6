// A switch with what it does, and why its default is what it is.
//
//   <SwitchCard label="Group names are unique" description="…" checked={…} onChange={…} />
import { Switch } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./SwitchCard.module.css";

export interface SwitchCardProps {
  label: string;
  description: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}

export function SwitchCard({ label, description, checked, onChange, disabled }: SwitchCardProps) {
  return (
    <Switch
      size="md"
      label={label}
      description={description}
      checked={checked}
      disabled={disabled}
      classNames={{
        input: classes.input,
        track: classes.track,
        label: classes.label,
        description: classes.description,
      }}
      onChange={(event) => onChange(event.currentTarget.checked)}
    />
  );
}
