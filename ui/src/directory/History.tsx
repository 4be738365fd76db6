// The changes of one user or group, and the requests that touched it: parts of its page.
import { Group } from "@mantine/core";
import { IconArrowsExchange, IconHistory } from "@tabler/icons-react";
import { readChanges, useChanges } from "../api/changes";
import { readRequests, useRequests } from "../api/requests";
import { EmptyState } from "../components/EmptyState";
import { ExportMenu } from "../components/ExportMenu";
import { Pager, useCursorPaging } from "../components/Pager";
import { ChangeList } from "../journal/ChangeList";
import { EXPORTED_CHANGES } from "../journal/exported-changes";
import { EXPORTED_REQUESTS, RequestTable } from "../requests/RequestTable";

export interface HistoryProps {
  slug: string;
  type: "user" | "group";
  id: string;
  onRequest: (request: string | number) => void;
}

export function History({ slug, type, id, onRequest }: HistoryProps) {
  const paging = useCursorPaging();
  const query = useChanges(slug, { resource: id, limit: paging.limit, cursor: paging.cursor });
  return (
    <>
      <Group justify="flex-end" mb="md">
        <ExportMenu
          name={`history-${id}`}
          readPage={(cursor, signal) =>
            readChanges(slug, { resource: id, limit: 1000, cursor }, signal)
          }
          columns={EXPORTED_CHANGES}
        />
      </Group>
      <ChangeList
        label="History"
        query={query}
        focus={type === "user" ? id : undefined}
        onRequest={onRequest}
        empty={
          <EmptyState icon={IconHistory} title="No history">
            Nothing about this {type} is in the journal.
          </EmptyState>
        }
      />
      <Pager paging={paging} page={query.data} />
    </>
  );
}

export function RequestsThatTouched({ slug, type, id, onRequest }: HistoryProps) {
  const paging = useCursorPaging();
  const query = useRequests(slug, { [type]: id, limit: paging.limit, cursor: paging.cursor });
  return (
    <>
      <Group justify="flex-end" mb="md">
        <ExportMenu
          name={`requests-${id}`}
          readPage={(cursor, signal) =>
            readRequests(slug, { [type]: id, limit: 1000, cursor }, signal)
          }
          columns={EXPORTED_REQUESTS}
        />
      </Group>
      <RequestTable
        slug={slug}
        query={query}
        onOpen={onRequest}
        empty={
          <EmptyState icon={IconArrowsExchange} title="No request in the log">
            Requests about this {type} are older than the source’s request log keeps them, or there
            were none. The history still has every change.
          </EmptyState>
        }
      />
      <Pager paging={paging} page={query.data} />
    </>
  );
}
