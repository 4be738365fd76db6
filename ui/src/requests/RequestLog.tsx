// The request log of a source: search, filter, page, export, and each request to open.
import { Button, NativeSelect, Switch } from "@mantine/core";
import { IconArrowsExchange, IconZoomQuestion } from "@tabler/icons-react";
import { Link } from "react-router";
import { readRequests, useRequests } from "../api/requests";
import { EmptyState } from "../components/EmptyState";
import { ExportMenu } from "../components/ExportMenu";
import { Pager, useCursorPaging } from "../components/Pager";
import { SearchInput } from "../components/SearchInput";
import { useUrlState } from "../components/url-state";
import { sourcePlace } from "../directory/places";
import { FilterBar } from "../filters/FilterBar";
import { ResourceFilter } from "../filters/ResourceFilter";
import { TimeFilter } from "../filters/TimeFilter";
import { EXPORTED_REQUESTS, RequestTable } from "./RequestTable";

const DEFAULTS = {
  q: "",
  status: "",
  operation: "",
  writes: "",
  user: "",
  group: "",
  time: "",
  from: "",
  to: "",
};

const STATUSES = [
  { value: "", label: "Any status" },
  { value: "error", label: "Refused or failed" },
  { value: "2xx", label: "2xx done" },
  { value: "4xx", label: "4xx refused" },
  { value: "5xx", label: "5xx failed" },
];

const OPERATIONS = [
  { value: "", label: "Any operation" },
  { value: "create", label: "Create" },
  { value: "replace", label: "Replace" },
  { value: "update", label: "Update" },
  { value: "delete", label: "Delete" },
  { value: "bulk", label: "Bulk" },
  { value: "read", label: "Read" },
  { value: "search", label: "Search" },
  { value: "discovery", label: "Discovery" },
  { value: "other", label: "Other" },
];

export interface RequestLogProps {
  slug: string;
  onOpen: (sequence: number) => void;
}

export function RequestLog({ slug, onOpen }: RequestLogProps) {
  const [filters, setFilters] = useUrlState(DEFAULTS);
  const paging = useCursorPaging();
  const query = useRequests(slug, { ...filters, limit: paging.limit, cursor: paging.cursor });

  const filtered = Object.values(filters).some((value) => value !== "");
  const clear = () => setFilters(DEFAULTS);
  // A link may ask for one code, such as 409.
  const statuses = STATUSES.some(({ value }) => value === filters.status)
    ? STATUSES
    : [...STATUSES, { value: filters.status, label: filters.status }];

  return (
    <>
      <FilterBar
        onClear={filtered ? clear : undefined}
        actions={
          <ExportMenu
            name={`requests-${slug}`}
            readPage={(cursor, signal) =>
              readRequests(slug, { ...filters, limit: 1000, cursor }, signal)
            }
            columns={EXPORTED_REQUESTS}
          />
        }
      >
        <SearchInput
          label="Search path and query"
          value={filters.q}
          onSearch={(q) => setFilters({ q })}
          maw={260}
        />
        <NativeSelect
          aria-label="Status"
          value={filters.status}
          onChange={(event) => setFilters({ status: event.currentTarget.value })}
          data={statuses}
        />
        <NativeSelect
          aria-label="Operation"
          value={filters.operation}
          onChange={(event) => setFilters({ operation: event.currentTarget.value })}
          data={OPERATIONS}
        />
        <ResourceFilter slug={slug} value={filters} onChange={setFilters} />
        <TimeFilter value={filters} onChange={setFilters} />
        <Switch
          label="Only writes"
          checked={filters.writes === "true"}
          onChange={(event) => setFilters({ writes: event.currentTarget.checked ? "true" : "" })}
        />
      </FilterBar>
      <RequestTable
        slug={slug}
        query={query}
        onOpen={onOpen}
        empty={filtered ? <NoneFound onClear={clear} /> : <NoneYet slug={slug} />}
      />
      <Pager paging={paging} page={query.data} />
    </>
  );
}

function NoneFound({ onClear }: { onClear: () => void }) {
  return (
    <EmptyState
      icon={IconZoomQuestion}
      title="No request matches"
      action={
        <Button variant="default" onClick={onClear}>
          Clear filters
        </Button>
      }
    >
      Try other filters, or a longer time. Requests older than the request log’s limits are gone.
    </EmptyState>
  );
}

function NoneYet({ slug }: { slug: string }) {
  return (
    <EmptyState
      icon={IconArrowsExchange}
      title="No request yet"
      action={
        <Button component={Link} to={sourcePlace(slug, "connect")}>
          How to connect
        </Button>
      }
    >
      Each request of the identity provider appears here as it arrives, refused ones too.
    </EmptyState>
  );
}
