// The groups of one source, or of all: search, sort, page, export.
import { Anchor, Button } from "@mantine/core";
import { IconUsersGroup, IconZoomQuestion } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { readGroups, useGroups } from "../api/directory";
import type { Group } from "../api/types";
import { type Column, DataTable, type Order } from "../components/DataTable";
import { EmptyState } from "../components/EmptyState";
import { ExportMenu, type ExportMenuProps } from "../components/ExportMenu";
import { Moment } from "../components/Moment";
import { Pager, useCursorPaging } from "../components/Pager";
import { SearchInput } from "../components/SearchInput";
import { useUrlState } from "../components/url-state";
import { FilterBar } from "../filters/FilterBar";
import { groupPlace } from "./places";
import { SourceFilter } from "./SourceFilter";
import { SourceLink } from "./SourceLink";

export interface GroupsListProps {
  /** The slug of the one source to show; without it the reader chooses. */
  source?: string;
  noneYet: ReactNode;
}

const DEFAULTS = { q: "", source: "", sort: "display_name", order: "asc" };

export function GroupsList({ source, noneYet }: GroupsListProps) {
  const [filters, setFilters] = useUrlState(DEFAULTS);
  const paging = useCursorPaging();
  const asked = { ...filters, source: source ?? (filters.source || undefined) };
  const query = useGroups({ ...asked, limit: paging.limit, cursor: paging.cursor });

  const filtered = filters.q !== "" || (source === undefined && filters.source !== "");
  const clear = () => setFilters({ q: "", source: "" });

  return (
    <>
      <FilterBar
        onClear={filtered ? clear : undefined}
        actions={
          <ExportMenu
            name={source ? `groups-${source}` : "groups"}
            readPage={(cursor, signal) => readGroups({ ...asked, limit: 1000, cursor }, signal)}
            columns={EXPORTED_GROUPS}
          />
        }
      >
        <SearchInput
          label="Search name or external id"
          value={filters.q}
          onSearch={(q) => setFilters({ q })}
        />
        {source === undefined && (
          <SourceFilter value={filters.source} onChange={(slug) => setFilters({ source: slug })} />
        )}
      </FilterBar>
      <DataTable
        caption="Groups"
        columns={
          source === undefined
            ? [...COLUMNS.slice(0, 1), SOURCE_COLUMN, ...COLUMNS.slice(1)]
            : COLUMNS
        }
        rowKey={(group) => `${group.source.slug} ${group.id}`}
        query={query}
        sort={{ by: filters.sort, order: filters.order as Order }}
        onSort={(sort, order) => setFilters({ sort, order })}
        empty={filtered ? <NoneFound q={filters.q} onClear={clear} /> : noneYet}
      />
      <Pager paging={paging} page={query.data} />
    </>
  );
}

function NoneFound({ q, onClear }: { q: string; onClear: () => void }) {
  return (
    <EmptyState
      icon={IconZoomQuestion}
      title="No group matches"
      action={
        <Button variant="default" onClick={onClear}>
          Clear filters
        </Button>
      }
    >
      {q !== "" && `No name or external id begins with “${q}”. `}
      Try fewer letters or other filters.
    </EmptyState>
  );
}

/** For a source or a server that no group was provisioned into. */
export function NoGroupsYet({ action }: { action?: ReactNode }) {
  return (
    <EmptyState icon={IconUsersGroup} title="No groups yet" action={action}>
      They appear here, without reloading, as soon as the identity provider sends them. Most
      providers send groups only once they are chosen there, such as under “Push Groups” or “Users
      and groups”.
    </EmptyState>
  );
}

const COLUMNS: Column<Group>[] = [
  {
    key: "group",
    header: "Group",
    sort: "display_name",
    cell: (group) => (
      <Anchor component={Link} to={groupPlace(group.source.slug, group.id)} fw={600} inherit>
        {group.display_name}
      </Anchor>
    ),
  },
  {
    key: "members",
    header: "Members",
    align: "right",
    width: 120,
    cell: (group) => group.member_count.toLocaleString("en"),
  },
  {
    key: "created",
    header: "Created",
    sort: "created",
    firstOrder: "desc",
    width: 170,
    cell: (group) => <Moment at={group.created} />,
  },
  {
    key: "last_modified",
    header: "Last changed",
    sort: "last_modified",
    firstOrder: "desc",
    width: 170,
    cell: (group) => <Moment at={group.last_modified} />,
  },
];

const SOURCE_COLUMN: Column<Group> = {
  key: "source",
  header: "Source",
  cell: (group) => <SourceLink source={group.source} />,
};

export const EXPORTED_GROUPS: ExportMenuProps<Group>["columns"] = [
  { header: "source", value: (group) => group.source.slug },
  { header: "id", value: (group) => group.id },
  { header: "display_name", value: (group) => group.display_name },
  { header: "external_id", value: (group) => group.external_id },
  { header: "member_count", value: (group) => group.member_count },
  { header: "created", value: (group) => group.created },
  { header: "last_modified", value: (group) => group.last_modified },
];
