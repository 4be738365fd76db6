// What happened in a source, with filters, pages and export.
import { Button, NativeSelect } from "@mantine/core";
import { IconHistory, IconZoomQuestion } from "@tabler/icons-react";
import { Link } from "react-router";
import { readChanges, useChanges } from "../api/changes";
import { EmptyState } from "../components/EmptyState";
import { ExportMenu } from "../components/ExportMenu";
import { Pager, useCursorPaging } from "../components/Pager";
import { useUrlState } from "../components/url-state";
import { sourcePlace } from "../directory/places";
import { FilterBar } from "../filters/FilterBar";
import { ResourceFilter } from "../filters/ResourceFilter";
import { TimeFilter } from "../filters/TimeFilter";
import { ChangeList } from "./ChangeList";
import { EXPORTED_CHANGES } from "./exported-changes";

const DEFAULTS = { type: "", kind: "", user: "", group: "", time: "", from: "", to: "" };

const TYPES = [
  { value: "", label: "Users and groups" },
  { value: "User", label: "Users" },
  { value: "Group", label: "Groups and members" },
];

const KINDS = [
  { value: "", label: "All changes" },
  { value: "create", label: "Created" },
  { value: "update", label: "Changed" },
  { value: "delete", label: "Deleted" },
];

export interface ChangeLogProps {
  slug: string;
  onRequest: (id: string) => void;
}

export function ChangeLog({ slug, onRequest }: ChangeLogProps) {
  const [filters, setFilters] = useUrlState(DEFAULTS);
  const paging = useCursorPaging();
  const { user, group, ...rest } = filters;
  const asked = { ...rest, resource: user || group };
  const query = useChanges(slug, { ...asked, limit: paging.limit, cursor: paging.cursor });

  const filtered = Object.values(filters).some((value) => value !== "");
  const clear = () => setFilters(DEFAULTS);

  return (
    <>
      <FilterBar
        onClear={filtered ? clear : undefined}
        actions={
          <ExportMenu
            name={`changes-${slug}`}
            readPage={(cursor, signal) =>
              readChanges(slug, { ...asked, limit: 1000, cursor }, signal)
            }
            columns={EXPORTED_CHANGES}
          />
        }
      >
        <NativeSelect
          aria-label="Changes of"
          value={filters.type}
          onChange={(event) => setFilters({ type: event.currentTarget.value })}
          data={TYPES}
        />
        <NativeSelect
          aria-label="Kind of change"
          value={filters.kind}
          onChange={(event) => setFilters({ kind: event.currentTarget.value })}
          data={KINDS}
        />
        <ResourceFilter slug={slug} value={filters} onChange={setFilters} />
        <TimeFilter value={filters} onChange={setFilters} />
      </FilterBar>
      <ChangeList
        label="Changes"
        query={query}
        focus={user || undefined}
        onRequest={onRequest}
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
      title="No change matches"
      action={
        <Button variant="default" onClick={onClear}>
          Clear filters
        </Button>
      }
    >
      Try other filters, or a longer time.
    </EmptyState>
  );
}

function NoneYet({ slug }: { slug: string }) {
  return (
    <EmptyState
      icon={IconHistory}
      title="Nothing happened yet"
      action={
        <Button component={Link} to={sourcePlace(slug, "connect")}>
          How to connect
        </Button>
      }
    >
      Each change that the identity provider makes is told here, as it happens.
    </EmptyState>
  );
}
