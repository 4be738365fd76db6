import { ActionIcon, Menu } from "@mantine/core";
import {
  IconDoorExit,
  IconDots,
  IconLockOpen,
  IconPassword,
  IconPencil,
  IconUserOff,
} from "@tabler/icons-react";
import { useRef } from "react";
import type { Administrator } from "../api/types";

export type Act = "edit" | "reset" | "sign_out" | "disable" | "enable";

export interface AdministratorMenuProps {
  administrator: Administrator;
  onAct: (act: Act) => void;
}

export function AdministratorMenu({ administrator, onAct }: AdministratorMenuProps) {
  const { name, disabled, has_password } = administrator;
  const button = useRef<HTMLButtonElement>(null);
  const choose = (act: Act) => {
    // The dialog gives the focus back to where it was; the chosen item is gone by then.
    button.current?.focus();
    onAct(act);
  };
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <ActionIcon
          ref={button}
          variant="subtle"
          color="gray"
          size="lg"
          aria-label={`What to do with ${name}`}
        >
          <IconDots size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          leftSection={<IconPencil size={16} aria-hidden />}
          onClick={() => choose("edit")}
        >
          Name and role
        </Menu.Item>
        <Menu.Item
          leftSection={<IconPassword size={16} aria-hidden />}
          onClick={() => choose("reset")}
        >
          {has_password ? "Reset password" : "New invitation link"}
        </Menu.Item>
        <Menu.Item
          leftSection={<IconDoorExit size={16} aria-hidden />}
          onClick={() => choose("sign_out")}
        >
          Sign out everywhere
        </Menu.Item>
        <Menu.Divider />
        {disabled ? (
          <Menu.Item
            leftSection={<IconLockOpen size={16} aria-hidden />}
            onClick={() => choose("enable")}
          >
            Enable
          </Menu.Item>
        ) : (
          <Menu.Item
            c="var(--mantine-color-error)"
            leftSection={<IconUserOff size={16} aria-hidden />}
            onClick={() => choose("disable")}
          >
            Disable
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
