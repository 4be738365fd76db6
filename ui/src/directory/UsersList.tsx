// The users of one source, or of all: search, filter, sort, page, export.
import { Anchor, Button, NativeSelect, Stack, Text } from "@mantine/core";
import { IconUserSearch, IconUsers } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { readUsers, useUsers } from "../api/directory";
import type { User } from "../api/types";
import { type Column, DataTable, type Order } from "../components/DataTable";
import { EmptyState } from "../components/EmptyState";
import { ExportMenu, type ExportMenuProps } from "../components/ExportMenu";
import { Moment } from "../components/Moment";
import { Pager, useCursorPaging } from "../components/Pager";
import { SearchInput } from "../components/SearchInput";
import { useUrlState } from "../components/url-state";
import { FilterBar } from "../filters/FilterBar";
import { ActiveBadge } from "./ActiveBadge";
import { userPlace } from "./places";
import { SourceFilter } from "./SourceFilter";
import { SourceLink } from "./SourceLink";

export interface UsersListProps {
  /** The slug of the one source to show; without it the reader chooses. */
  source?: string;
  /** What to do when nobody has arrived at all. */
  nobodyYet: ReactNode;
}

const DEFAULTS = { q: "", active: "", source: "", sort: "user_name", order: "asc" };

export function UsersList({ source, nobodyYet }: UsersListProps) {
  const [filters, setFilters] = useUrlState(DEFAULTS);
  const paging = useCursorPaging();
  const asked = { ...filters, source: source ?? (filters.source || undefined) };
  const query = useUsers({ ...asked, limit: paging.limit, cursor: paging.cursor });

  const filtered =
    filters.q !== "" || filters.active !== "" || (source === undefined && filters.source !== "");
  const clear = () => setFilters({ q: "", active: "", source: "" });

  return (
    <>
      <FilterBar
        onClear={filtered ? clear : undefined}
        actions={
          <ExportMenu
            name={source ? `users-${source}` : "users"}
            readPage={(cursor, signal) => readUsers({ ...asked, limit: 1000, cursor }, signal)}
            columns={EXPORTED}
          />
        }
      >
        <SearchInput
          label="Search name, e-mail or external id"
          value={filters.q}
          onSearch={(q) => setFilters({ q })}
        />
        {source === undefined && (
          <SourceFilter value={filters.source} onChange={(slug) => setFilters({ source: slug })} />
        )}
        <NativeSelect
          aria-label="State"
          value={filters.active}
          onChange={(event) => setFilters({ active: event.currentTarget.value })}
          data={[
            { value: "", label: "Any state" },
            { value: "true", label: "Active" },
            { value: "false", label: "Inactive" },
          ]}
        />
      </FilterBar>
      <DataTable
        caption="Users"
        columns={source === undefined ? across(COLUMNS) : COLUMNS}
        rowKey={(user) => `${user.source.slug} ${user.id}`}
        query={query}
        sort={{ by: filters.sort, order: filters.order as Order }}
        onSort={(sort, order) => setFilters({ sort, order })}
        empty={filtered ? <NobodyFound q={filters.q} onClear={clear} /> : nobodyYet}
      />
      <Pager paging={paging} page={query.data} />
    </>
  );
}

function NobodyFound({ q, onClear }: { q: string; onClear: () => void }) {
  return (
    <EmptyState
      icon={IconUserSearch}
      title="Nobody matches"
      action={
        <Button variant="default" onClick={onClear}>
          Clear filters
        </Button>
      }
    >
      {q !== "" && `No user name, name, e-mail or external id begins with “${q}”. `}
      Try fewer letters or other filters.
    </EmptyState>
  );
}

/** For a source or a server that nobody was provisioned into. */
export function NoUsersYet({ action }: { action?: ReactNode }) {
  return (
    <EmptyState icon={IconUsers} title="No users yet" action={action}>
      They appear here, without reloading, as soon as the identity provider sends them.
    </EmptyState>
  );
}

/** Across sources, the source takes the place of the e-mail address, mostly the user name again. */
const across = (columns: Column<User>[]) =>
  columns.map((column) => (column.key === "email" ? SOURCE_COLUMN : column));

const COLUMNS: Column<User>[] = [
  {
    key: "user",
    header: "User",
    sort: "user_name",
    cell: (user) => (
      <Stack gap={0}>
        <Anchor component={Link} to={userPlace(user.source.slug, user.id)} fw={600} inherit>
          {user.display_name ?? user.user_name}
        </Anchor>
        <Text span size="sm" c="dimmed">
          {user.user_name}
        </Text>
      </Stack>
    ),
  },
  {
    key: "email",
    header: "E-mail",
    cell: (user) =>
      user.email ?? (
        <Text span inherit c="dimmed">
          none
        </Text>
      ),
  },
  {
    key: "active",
    header: "State",
    width: 110,
    cell: (user) => <ActiveBadge active={user.active} />,
  },
  {
    key: "created",
    header: "Created",
    sort: "created",
    firstOrder: "desc",
    width: 150,
    cell: (user) => <Moment at={user.created} />,
  },
  {
    key: "last_modified",
    header: "Last changed",
    sort: "last_modified",
    firstOrder: "desc",
    width: 160,
    cell: (user) => <Moment at={user.last_modified} />,
  },
];

const SOURCE_COLUMN: Column<User> = {
  key: "source",
  header: "Source",
  cell: (user) => <SourceLink source={user.source} />,
};

const EXPORTED: ExportMenuProps<User>["columns"] = [
  { header: "source", value: (user) => user.source.slug },
  { header: "id", value: (user) => user.id },
  { header: "user_name", value: (user) => user.user_name },
  { header: "display_name", value: (user) => user.display_name },
  { header: "given_name", value: (user) => user.given_name },
  { header: "family_name", value: (user) => user.family_name },
  { header: "email", value: (user) => user.email },
  { header: "external_id", value: (user) => user.external_id },
  { header: "active", value: (user) => user.active },
  { header: "created", value: (user) => user.created },
  { header: "last_modified", value: (user) => user.last_modified },
];
