import { Radio, Stack } from "@mantine/core";
import type { Role } from "../api/types";

export interface RoleFieldProps {
  value: Role;
  onChange: (role: Role) => void;
  /** Who or what gets the role. */
  of: string;
}

/** The two roles, each with what it may do. */
export function RoleField({ value, onChange, of }: RoleFieldProps) {
  return (
    <Radio.Group label={`Role of ${of}`} value={value} onChange={(role) => onChange(role as Role)}>
      <Stack gap="sm" mt={6}>
        <Radio
          value="administrator"
          label="Administrator"
          description="Sees and changes everything."
        />
        <Radio value="auditor" label="Auditor" description="Sees everything, changes nothing." />
      </Stack>
    </Radio.Group>
  );
}
