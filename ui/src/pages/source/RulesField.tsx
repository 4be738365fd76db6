import { Radio, Stack } from "@mantine/core";
import type { Profile } from "../../api/types";
import classes from "./RulesField.module.css";

const RULES: { value: Profile; label: string; effect: string }[] = [
  {
    value: "rfc",
    label: "RFC, lenient",
    effect:
      "Keeps to RFC 7643 and 7644, and takes what identity providers of today send as it is meant. The right choice unless the client is known to be strict itself.",
  },
  {
    value: "interop",
    label: "SCIM interoperability profile, strict",
    effect:
      "Refuses what the profile forbids: attributes that no schema knows, PATCH operations without a path, values of another type (such as “True” as text), and bodies that aren’t application/scim+json.",
  },
];

interface RulesFieldProps {
  value: Profile;
  onChange: (value: Profile) => void;
  disabled?: boolean;
}

/** Which rules the source obeys where several can be obeyed. */
export function RulesField({ value, onChange, disabled }: RulesFieldProps) {
  return (
    <Radio.Group
      aria-labelledby="rules"
      value={value}
      onChange={(chosen) => onChange(chosen as Profile)}
    >
      <Stack gap="md">
        {RULES.map(({ value: rule, label, effect }) => (
          <Radio
            key={rule}
            value={rule}
            label={label}
            description={effect}
            disabled={disabled}
            classNames={{
              radio: classes.radio,
              label: classes.label,
              description: classes.description,
            }}
          />
        ))}
      </Stack>
    </Radio.Group>
  );
}
