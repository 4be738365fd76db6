import { Anchor, Button, Card, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { readGroupsOfUser } from "../api/directory";
import type { MembershipRef } from "../api/types";
import { ExportMenu } from "../components/ExportMenu";
import { EXPORTED_GROUPS } from "./GroupsList";
import { groupPlace } from "./places";

const SHOWN = 12;

export interface GroupsOfUserProps {
  slug: string;
  userId: string;
  groups: MembershipRef[];
}

/** The groups that a user is in now. */
export function GroupsOfUser({ slug, userId, groups }: GroupsOfUserProps) {
  const [q, setQ] = useState("");
  const [all, setAll] = useState(false);
  const found = groups.filter(({ display_name }) =>
    (display_name ?? "").toLowerCase().includes(q.trim().toLowerCase()),
  );
  const shown = all ? found : found.slice(0, SHOWN);
  return (
    <Card component="section">
      <Group justify="space-between" mb="sm">
        <Title order={2} fz="md">
          Groups{" "}
          <Text span c="dimmed" inherit fw={400}>
            {groups.length.toLocaleString("en")}
          </Text>
        </Title>
        {groups.length > 0 && (
          <ExportMenu
            name={`groups-of-${userId}`}
            readPage={(cursor, signal) =>
              readGroupsOfUser(slug, userId, { limit: 1000, cursor }, signal)
            }
            columns={EXPORTED_GROUPS}
          />
        )}
      </Group>
      {groups.length > SHOWN && (
        <TextInput
          aria-label="Search these groups"
          placeholder="Search these groups"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={q}
          onChange={(event) => setQ(event.currentTarget.value)}
          mb="sm"
        />
      )}
      {shown.length === 0 ? (
        <Text c="dimmed" size="sm">
          {groups.length === 0 ? "Not a member of any group." : "None of them matches."}
        </Text>
      ) : (
        <Stack gap={6}>
          {shown.map(({ id, display_name }) => (
            <Anchor key={id} component={Link} to={groupPlace(slug, id)}>
              {display_name ?? id}
            </Anchor>
          ))}
        </Stack>
      )}
      {found.length > shown.length && (
        <Button variant="subtle" mt="sm" onClick={() => setAll(true)}>
          Show all {found.length.toLocaleString("en")}
        </Button>
      )}
    </Card>
  );
}
