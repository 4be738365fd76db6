import { Avatar, Group, Menu, Text, UnstyledButton } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import {
  IconChevronDown,
  IconDevices,
  IconDoorExit,
  IconLock,
  IconLogout,
} from "@tabler/icons-react";
import { Link } from "react-router";
import { useAdministrator, useSignOut } from "../api/session";
import { messageOf } from "../components/ErrorState";

export function AccountMenu() {
  const administrator = useAdministrator();
  const signOut = useSignOut();
  const leave = (where: "here" | "everywhere") =>
    signOut.mutate(where, {
      onError: (error) =>
        notifications.show({ color: "red", title: "Not signed out", message: messageOf(error) }),
    });

  return (
    <Menu position="bottom-end" width={260}>
      <Menu.Target>
        <UnstyledButton p={4} aria-label={`Account of ${administrator.name}`}>
          <Group gap={8} wrap="nowrap">
            <Avatar size={32} radius="xl" color="water" aria-hidden>
              {initials(administrator.name)}
            </Avatar>
            <Text span size="sm" fw={500} visibleFrom="sm" maw={180} truncate>
              {administrator.name}
            </Text>
            <IconChevronDown size={16} aria-hidden />
          </Group>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text span display="block" size="sm" fw={600} c="var(--mantine-color-text)">
            {administrator.name}
          </Text>
          <Text span display="block" size="xs">
            {administrator.email}
          </Text>
          <Text span display="block" size="xs">
            {administrator.role === "auditor"
              ? "Auditor: sees all, changes nothing"
              : "Administrator"}
          </Text>
        </Menu.Label>
        <Menu.Divider />
        <Menu.Item
          component={Link}
          to="/account/sessions"
          leftSection={<IconDevices size={16} aria-hidden />}
        >
          Your sessions
        </Menu.Item>
        <Menu.Item
          component={Link}
          to="/account/password"
          leftSection={<IconLock size={16} aria-hidden />}
        >
          Change password
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item
          leftSection={<IconDoorExit size={16} aria-hidden />}
          onClick={() => leave("everywhere")}
        >
          Sign out everywhere
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={() => leave("here")}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const last = words.length > 1 ? words[words.length - 1] : undefined;
  return ((words[0]?.[0] ?? "") + (last?.[0] ?? "")).toUpperCase();
}
