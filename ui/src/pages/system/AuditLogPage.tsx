// What administrators did on this server: who, what, before and after.
import { Button, NativeSelect } from "@mantine/core";
import { IconHistory, IconZoomQuestion } from "@tabler/icons-react";
import { readActs, useActs } from "../../api/changes";
import { EmptyState } from "../../components/EmptyState";
import { ExportMenu } from "../../components/ExportMenu";
import { PageHeader } from "../../components/PageHeader";
import { Pager, useCursorPaging } from "../../components/Pager";
import { useUrlState } from "../../components/url-state";
import { SourceFilter } from "../../directory/SourceFilter";
import { FilterBar } from "../../filters/FilterBar";
import { TimeFilter } from "../../filters/TimeFilter";
import { ChangeList } from "../../journal/ChangeList";
import { EXPORTED_CHANGES } from "../../journal/exported-changes";

const DEFAULTS = { source: "", type: "", kind: "", time: "", from: "", to: "" };

const TYPES = [
  { value: "", label: "Anything" },
  { value: "Source", label: "Sources" },
  { value: "Token", label: "Tokens of sources" },
  { value: "Administrator", label: "Administrators" },
  { value: "ApiToken", label: "API tokens" },
  { value: "Settings", label: "Settings" },
];

const KINDS = [
  { value: "", label: "All acts" },
  { value: "create", label: "Made" },
  { value: "update", label: "Changed" },
  { value: "delete", label: "Deleted" },
  { value: "copy", label: "Copied" },
  { value: "revoke", label: "Revoked" },
  { value: "reset_password", label: "Password reset" },
  { value: "set_password", label: "Password set" },
  { value: "sign_in", label: "Signed in" },
  { value: "sign_out", label: "Signed out" },
];

export default function AuditLogPage() {
  const [filters, setFilters] = useUrlState(DEFAULTS);
  const paging = useCursorPaging();
  const query = useActs({ ...filters, limit: paging.limit, cursor: paging.cursor });
  const filtered = Object.values(filters).some((value) => value !== "");
  const clear = () => setFilters(DEFAULTS);

  return (
    <>
      <PageHeader
        title="Audit log"
        description="What administrators and scripts did on this server. What identity providers do is on each source’s Activity tab."
      />
      <FilterBar
        onClear={filtered ? clear : undefined}
        actions={
          <ExportMenu
            name="audit-log"
            readPage={(cursor, signal) => readActs({ ...filters, limit: 1000, cursor }, signal)}
            columns={EXPORTED_CHANGES}
          />
        }
      >
        <NativeSelect
          aria-label="Acts on"
          value={filters.type}
          onChange={(event) => setFilters({ type: event.currentTarget.value })}
          data={TYPES}
        />
        <NativeSelect
          aria-label="Kind of act"
          value={filters.kind}
          onChange={(event) => setFilters({ kind: event.currentTarget.value })}
          data={KINDS}
        />
        <SourceFilter value={filters.source} onChange={(slug) => setFilters({ source: slug })} />
        <TimeFilter value={filters} onChange={setFilters} />
      </FilterBar>
      <ChangeList
        label="Acts of administrators"
        query={query}
        empty={
          filtered ? (
            <EmptyState
              icon={IconZoomQuestion}
              title="Nothing matches"
              action={
                <Button variant="default" onClick={clear}>
                  Clear filters
                </Button>
              }
            >
              Try other filters, or a longer time.
            </EmptyState>
          ) : (
            <EmptyState icon={IconHistory} title="Nothing yet">
              Each act of an administrator is written down here: who, what, before and after.
            </EmptyState>
          )
        }
      />
      <Pager paging={paging} page={query.data} />
    </>
  );
}
