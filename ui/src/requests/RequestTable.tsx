// Requests as a table, newest first. Refused ones stand out, with their reason in plain words.
import { Stack, Text, UnstyledButton } from "@mantine/core";
import type { ReactNode } from "react";
import type { Page, RequestSummary } from "../api/types";
import { type Column, DataTable } from "../components/DataTable";
import type { ExportMenuProps } from "../components/ExportMenu";
import { Moment } from "../components/Moment";
import { ResourceLink } from "../directory/ResourceLink";
import { readableQuery, shortPath } from "./address";
import { reasonOf } from "./reasons";
import classes from "./RequestTable.module.css";
import { StatusBadge } from "./StatusBadge";
import { upshotOf } from "./upshot";

export interface RequestTableProps {
  slug: string;
  query: {
    data: Page<RequestSummary> | undefined;
    error: unknown;
    isPlaceholderData?: boolean;
    refetch: () => unknown;
  };
  empty: ReactNode;
  onOpen: (sequence: number) => void;
}

export function RequestTable({ slug, query, empty, onOpen }: RequestTableProps) {
  const columns: Column<RequestSummary>[] = [
    {
      key: "request",
      header: "Request",
      cell: (request) => <Address request={request} onOpen={onOpen} />,
    },
    {
      key: "target",
      header: "User or group",
      cell: ({ target, operation, outcomes }) =>
        target?.id ? (
          <ResourceLink slug={slug} type={target.type} id={target.id} name={target.display} />
        ) : (
          <Text span inherit c="dimmed">
            {operation === "bulk" && outcomes.length > 1 ? "several" : "none"}
          </Text>
        ),
    },
    { key: "outcome", header: "Outcome", cell: (request) => <Upshot request={request} /> },
    {
      key: "status",
      header: "Status",
      width: 90,
      cell: ({ status }) => <StatusBadge status={status} />,
    },
    { key: "at", header: "When", width: 150, cell: ({ at }) => <Moment at={at} /> },
  ];
  return (
    <DataTable
      caption="Requests"
      columns={columns}
      rowKey={(request) => String(request.sequence)}
      query={query}
      empty={empty}
    />
  );
}

function Address({
  request,
  onOpen,
}: {
  request: RequestSummary;
  onOpen: (sequence: number) => void;
}) {
  return (
    <UnstyledButton className={classes.address} onClick={() => onOpen(request.sequence)}>
      <span className={classes.method}>{request.method}</span> {shortPath(request.path)}
      {request.query && <span className={classes.query}>{readableQuery(request.query)}</span>}
    </UnstyledButton>
  );
}

function Upshot({ request }: { request: RequestSummary }) {
  const reason = reasonOf(request);
  if (reason === null) return upshotOf(request);
  return (
    <Stack gap={0} className={classes.refused}>
      <Text span inherit fw={600}>
        {reason.what}
      </Text>
      {request.error !== null && (
        <Text span size="sm">
          {request.error}
        </Text>
      )}
    </Stack>
  );
}

export const EXPORTED_REQUESTS: ExportMenuProps<RequestSummary>["columns"] = [
  { header: "sequence", value: (request) => request.sequence },
  { header: "id", value: (request) => request.id },
  { header: "at", value: (request) => request.at },
  { header: "method", value: (request) => request.method },
  { header: "path", value: (request) => request.path },
  { header: "query", value: (request) => request.query },
  { header: "status", value: (request) => request.status },
  { header: "operation", value: (request) => request.operation },
  { header: "error", value: (request) => request.error },
  { header: "scim_type", value: (request) => request.scim_type },
  { header: "target_type", value: (request) => request.target?.type },
  { header: "target_id", value: (request) => request.target?.id },
  { header: "target", value: (request) => request.target?.display },
  { header: "duration_ms", value: (request) => request.duration_ms },
  { header: "address", value: (request) => request.address },
  { header: "user_agent", value: (request) => request.user_agent },
  { header: "token_id", value: (request) => request.token_id },
];
