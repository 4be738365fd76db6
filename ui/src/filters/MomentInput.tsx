import { TextInput } from "@mantine/core";
import { useState } from "react";
import { fromLocalInput, toLocalInput } from "./time-spans";

export interface MomentInputProps {
  label: string;
  /** RFC 3339, or empty. */
  value: string;
  onChange: (value: string) => void;
}

/** A moment in the reader's time zone. */
export function MomentInput({ label, value, onChange }: MomentInputProps) {
  const [typed, setTyped] = useState(toLocalInput(value));
  const [told, setTold] = useState(value);

  // The address changed by other means, such as "Clear filters": follow it.
  if (value !== told) {
    setTold(value);
    setTyped(toLocalInput(value));
  }

  const type = (text: string) => {
    setTyped(text);
    const at = fromLocalInput(text);
    // Halfway through typing 2026 it is the year 2, which nobody means.
    if (at !== "" && at < "1970") return;
    setTold(at);
    onChange(at);
  };

  return (
    <TextInput
      type="datetime-local"
      aria-label={label}
      value={typed}
      onChange={(event) => type(event.currentTarget.value)}
    />
  );
}
