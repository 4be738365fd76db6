// Requests to sources that don't exist: mostly a slug that was mistyped in the identity provider.
import { Text, Title } from "@mantine/core";
import { IconArrowsExchange } from "@tabler/icons-react";
import { readUnmatchedRequests, useUnmatchedRequests } from "../../api/requests";
import type { RequestSummary } from "../../api/types";
import { type Column, DataTable } from "../../components/DataTable";
import { EmptyState } from "../../components/EmptyState";
import { ExportMenu } from "../../components/ExportMenu";
import { Moment } from "../../components/Moment";
import { Pager, useCursorPaging } from "../../components/Pager";
import { FilterBar } from "../../filters/FilterBar";
import { EXPORTED_REQUESTS } from "../../requests/RequestTable";
import { StatusBadge } from "../../requests/StatusBadge";

const COLUMNS: Column<RequestSummary>[] = [
  {
    key: "request",
    header: "Request",
    cell: ({ method, path }) => (
      <Text span inherit ff="monospace" size="sm">
        <b>{method}</b> {path}
      </Text>
    ),
  },
  {
    key: "client",
    header: "Client",
    cell: ({ address, user_agent }) => (
      <>
        {address}
        <Text span size="sm" c="dimmed" display="block">
          {user_agent ?? "gave no name of itself"}
        </Text>
      </>
    ),
  },
  {
    key: "status",
    header: "Status",
    width: 90,
    cell: ({ status }) => <StatusBadge status={status} />,
  },
  { key: "at", header: "When", width: 160, cell: ({ at }) => <Moment at={at} /> },
];

export function UnmatchedRequests() {
  const paging = useCursorPaging();
  const query = useUnmatchedRequests({ limit: paging.limit, cursor: paging.cursor });
  return (
    <section aria-labelledby="unmatched">
      <Title order={2} id="unmatched">
        Requests to unknown sources
      </Title>
      <FilterBar
        actions={
          <ExportMenu
            name="unmatched-requests"
            readPage={(cursor, signal) => readUnmatchedRequests({ limit: 1000, cursor }, signal)}
            columns={EXPORTED_REQUESTS}
          />
        }
      >
        <Text c="dimmed" maw="44rem">
          An identity provider calls a slug that no source has. Most likely the base URL was
          mistyped there, or the source was deleted.
        </Text>
      </FilterBar>
      <DataTable
        caption="Requests to unknown sources"
        columns={COLUMNS}
        rowKey={({ sequence, id }) => `${sequence} ${id}`}
        query={query}
        skeletonRows={3}
        empty={
          <EmptyState icon={IconArrowsExchange} title="None">
            Every request named a source that exists.
          </EmptyState>
        }
      />
      <Pager paging={paging} page={query.data} />
    </section>
  );
}
