// Chooses one user or group of a source by typing the beginning of a name.
import { Select, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconUser } from "@tabler/icons-react";
import { useState } from "react";
import { useGroup, useGroups, useUser, useUsers } from "../api/directory";

/** At most one of the two is set: the id of a user, or of a group. */
export interface ResourceChoice {
  user: string;
  group: string;
}

export interface ResourceFilterProps {
  slug: string;
  value: ResourceChoice;
  onChange: (choice: ResourceChoice) => void;
}

/** Of each kind; so few that the list needs no scrolling. */
const SHOWN = 5;

export function ResourceFilter({ slug, value, onChange }: ResourceFilterProps) {
  const [typed, setTyped] = useState("");
  const [open, setOpen] = useState(false);
  const [q] = useDebouncedValue(typed, 200);
  const chosen = useChosenName(slug, value);
  // Choosing fills the field with the chosen name, which is nothing to search for.
  const asked = q === chosen?.label ? "" : q;
  const { users, groups, aliases } = useFound(slug, asked, open);

  const key = value.user ? `user ${value.user}` : value.group ? `group ${value.group}` : null;
  const data = [
    { group: "Users", items: users },
    { group: "Groups", items: groups },
  ].filter(({ items }) => items.length > 0);
  const listed = data.some(({ items }) => items.some((item) => item.value === key));
  if (key !== null && chosen && !listed) data.unshift({ group: "Chosen", items: [chosen] });

  return (
    <Select
      aria-label="User or group"
      placeholder="Any user or group"
      leftSection={<IconUser size={16} aria-hidden />}
      w={{ base: "100%", sm: 230 }}
      searchable
      maxDropdownHeight={560}
      comboboxProps={{ width: 320, position: "bottom-start", withinPortal: false }}
      renderOption={({ option }) => (
        <Option label={option.label} alias={aliases.get(option.value)} />
      )}
      clearable
      allowDeselect={false}
      value={key}
      data={data}
      // The server has searched already.
      filter={({ options }) => options}
      nothingFoundMessage="Nobody and no group begins like this"
      searchValue={typed}
      onSearchChange={setTyped}
      onDropdownOpen={() => setOpen(true)}
      onChange={(chosenKey) => {
        const [type, id = ""] = chosenKey?.split(" ") ?? [];
        onChange({ user: type === "user" ? id : "", group: type === "group" ? id : "" });
      }}
      clearButtonProps={{ "aria-label": "Any user or group" }}
    />
  );
}

function Option({ label, alias }: { label: string; alias: string | undefined }) {
  return (
    <div>
      {label}
      {alias !== undefined && alias !== label && (
        <Text span size="xs" c="dimmed" display="block" style={{ overflowWrap: "anywhere" }}>
          {alias}
        </Text>
      )}
    </div>
  );
}

function useFound(slug: string, q: string, open: boolean) {
  const asked = { source: slug, q, limit: SHOWN };
  const users = useUsers(asked, open);
  const groups = useGroups(asked, open);
  return {
    // Several people may have the same name.
    aliases: new Map(
      (users.data?.items ?? []).map(({ id, user_name }) => [`user ${id}`, user_name]),
    ),
    users: (users.data?.items ?? []).map(({ id, display_name, user_name }) => ({
      value: `user ${id}`,
      label: display_name ?? user_name,
    })),
    groups: (groups.data?.items ?? []).map(({ id, display_name }) => ({
      value: `group ${id}`,
      label: display_name,
    })),
  };
}

/** The name of what the address names by id only. A deleted one keeps its id for a name. */
function useChosenName(slug: string, { user, group }: ResourceChoice) {
  const userQuery = useUser(slug, user, user !== "");
  const groupQuery = useGroup(slug, group, group !== "");
  if (user !== "") {
    const known = userQuery.data?.user;
    return { value: `user ${user}`, label: known?.display_name ?? known?.user_name ?? user };
  }
  if (group === "") return null;
  return { value: `group ${group}`, label: groupQuery.data?.group.display_name ?? group };
}
