// The members of a group: searchable and paged, however many there are.
import { Anchor, Badge, Stack, Text } from "@mantine/core";
import { IconUserSearch, IconUsers } from "@tabler/icons-react";
import { Link } from "react-router";
import { readMembers, useMembers } from "../api/directory";
import type { Member } from "../api/types";
import { type Column, DataTable } from "../components/DataTable";
import { EmptyState } from "../components/EmptyState";
import { ExportMenu, type ExportMenuProps } from "../components/ExportMenu";
import { Pager, useCursorPaging } from "../components/Pager";
import { SearchInput } from "../components/SearchInput";
import { useUrlState } from "../components/url-state";
import { FilterBar } from "../filters/FilterBar";
import { ActiveBadge } from "./ActiveBadge";
import { placeOf } from "./places";

export interface MembersListProps {
  slug: string;
  id: string;
  /** The group's name, for the exported file. */
  name: string;
}

export function MembersList({ slug, id, name }: MembersListProps) {
  const [filters, setFilters] = useUrlState({ q: "" });
  const paging = useCursorPaging();
  const query = useMembers(slug, id, { ...filters, limit: paging.limit, cursor: paging.cursor });
  return (
    <>
      <FilterBar
        actions={
          <ExportMenu
            name={`members-${name.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`}
            readPage={(cursor, signal) =>
              readMembers(slug, id, { ...filters, limit: 1000, cursor }, signal)
            }
            columns={EXPORTED}
          />
        }
      >
        <SearchInput
          label="Search members by name"
          value={filters.q}
          onSearch={(q) => setFilters({ q })}
        />
      </FilterBar>
      <DataTable
        caption="Members"
        columns={columnsFor(slug)}
        rowKey={(member) => member.id}
        query={query}
        empty={
          filters.q === "" ? (
            <EmptyState icon={IconUsers} title="No members">
              The identity provider has not put anybody into this group, or has removed everybody.
              The history tells which.
            </EmptyState>
          ) : (
            <EmptyState icon={IconUserSearch} title="No member matches">
              No member’s name begins with “{filters.q}”. Try fewer letters.
            </EmptyState>
          )
        }
      />
      <Pager paging={paging} page={query.data} />
    </>
  );
}

function columnsFor(slug: string): Column<Member>[] {
  return [
    {
      key: "member",
      header: "Member",
      cell: (member) => {
        const place = placeOf(slug, member.type, member.id);
        const name = member.display_name ?? member.user_name ?? member.id;
        if (place === null) return <Unknown id={member.id} />;
        return (
          <Anchor component={Link} to={place} fw={600} inherit>
            {name}
          </Anchor>
        );
      },
    },
    {
      key: "user_name",
      header: "User name",
      cell: (member) =>
        member.user_name ?? (
          <Text span inherit c="dimmed">
            none
          </Text>
        ),
    },
    {
      key: "state",
      header: "State",
      width: 110,
      cell: (member) =>
        member.type === "Group" ? (
          <Badge color="blue">Group</Badge>
        ) : member.active === null ? (
          <Badge color="gray">Unknown</Badge>
        ) : (
          <ActiveBadge active={member.active} />
        ),
    },
  ];
}

/** A member that the client named before (or without ever) creating it. */
function Unknown({ id }: { id: string }) {
  return (
    <Stack gap={0}>
      <Text span inherit>
        {id}
      </Text>
      <Text span size="sm" c="dimmed">
        Not in this source, at least not yet
      </Text>
    </Stack>
  );
}

const EXPORTED: ExportMenuProps<Member>["columns"] = [
  { header: "id", value: (member) => member.id },
  { header: "type", value: (member) => member.type },
  { header: "display_name", value: (member) => member.display_name },
  { header: "user_name", value: (member) => member.user_name },
  { header: "active", value: (member) => member.active },
];
