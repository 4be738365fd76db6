import { Alert, Code, Group, List, Stack, Table, Text, Title } from "@mantine/core";
import { IconAlertTriangle, IconInfoCircle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTokens } from "../api/tokens";
import type { RequestDetail, RequestSummary } from "../api/types";
import { CopyButton } from "../components/CopyField";
import { JsonView } from "../components/JsonView";
import { Moment } from "../components/Moment";
import { ResourceLink } from "../directory/ResourceLink";
import { SentenceView } from "../journal/SentenceView";
import { readableQuery, shortPath } from "./address";
import { curlOf } from "./curl";
import { OperationList } from "./OperationList";
import { OutcomeList } from "./OutcomeList";
import { reasonOf } from "./reasons";
import classes from "./RequestView.module.css";
import { StatusBadge } from "./StatusBadge";

export interface RequestViewProps {
  slug: string;
  baseUrl: string;
  detail: RequestDetail;
}

export function RequestView({ slug, baseUrl, detail }: RequestViewProps) {
  const { request, changes } = detail;
  return (
    <Stack gap="lg">
      <Group justify="space-between" gap="sm">
        <Group gap="xs" miw={0}>
          <Title order={2} className={classes.address}>
            {request.method} {shortPath(request.path)}
          </Title>
          <StatusBadge status={request.status} />
        </Group>
        <CopyButton value={curlOf(detail, baseUrl)} label="Copy as curl" />
      </Group>
      <Refusal request={request} />
      <Facts slug={slug} request={request} />
      {request.outcomes.length > 0 && (
        <Part title="What was done">
          {request.operation === "bulk" ? (
            <OperationList outcomes={request.outcomes} body={detail.request_body} />
          ) : (
            <OutcomeList outcomes={request.outcomes} />
          )}
        </Part>
      )}
      {changes.length > 0 && (
        <Part title="What changed">
          <List spacing={4}>
            {changes.map((change) => (
              <List.Item key={change.sequence}>
                <SentenceView change={change} />
              </List.Item>
            ))}
          </List>
          {detail.more_changes && (
            <Text size="sm" c="dimmed" mt={4}>
              These are the first {changes.length.toLocaleString("en")}; all of them are under
              Changes.
            </Text>
          )}
        </Part>
      )}
      <Message
        title="As it came in"
        headers={detail.request_headers}
        body={detail.request_body}
        note={detail.request_body_note}
      />
      <Message
        title="As it was answered"
        headers={detail.response_headers}
        body={detail.response_body}
        note={detail.response_body_note}
      />
    </Stack>
  );
}

function Refusal({ request }: { request: RequestSummary }) {
  const reason = reasonOf(request);
  if (reason === null) return null;
  return (
    <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title={reason.what}>
      <Stack gap={6}>
        {request.error !== null && <Text size="sm">{request.error}</Text>}
        {reason.advice !== null && <Text size="sm">{reason.advice}</Text>}
      </Stack>
    </Alert>
  );
}

function Facts({ slug, request }: { slug: string; request: RequestSummary }) {
  const { target } = request;
  return (
    <dl className={classes.facts}>
      <Fact name="When">
        <Moment at={request.at} />, took{" "}
        {request.duration_ms.toLocaleString("en", { maximumSignificantDigits: 3 })} ms
      </Fact>
      {request.query !== null && request.query !== "" && (
        <Fact name="Query">
          <Code>{readableQuery(request.query)}</Code>
        </Fact>
      )}
      {target?.id && (
        <Fact name={target.type ?? "Resource"}>
          <ResourceLink slug={slug} type={target.type} id={target.id} name={target.display} />
        </Fact>
      )}
      <Fact name="Client">
        {request.address}
        <Text span size="sm" c="dimmed" display="block">
          {request.user_agent ?? "gave no name of itself"}
        </Text>
      </Fact>
      <Fact name="Token">
        <TokenOf slug={slug} id={request.token_id} />
      </Fact>
      <Fact name="Request id">
        <Code>{request.id}</Code>
      </Fact>
    </dl>
  );
}

function TokenOf({ slug, id }: { slug: string; id: string | null }) {
  const { data } = useTokens(slug);
  if (id === null) return "none that is known";
  const token = data?.items.find((one) => one.id === id);
  if (!token) return <Code>{id}</Code>;
  return (
    <>
      made <Moment at={token.created} />
      {token.created_by && ` by ${token.created_by.name}`}
      {token.state !== "active" && `, ${token.state} since`}
    </>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={classes.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <Title order={3} mb="xs">
        {title}
      </Title>
      {children}
    </section>
  );
}

interface MessageProps {
  title: string;
  headers: [string, string][];
  body: string | null;
  note: string | null;
}

function Message({ title, headers, body, note }: MessageProps) {
  return (
    <Part title={title}>
      <Stack gap="sm">
        <Headers headers={headers} title={title} />
        {body !== null && body !== "" && (
          <JsonView value={body} label={`Body ${title.toLowerCase()}`} />
        )}
        {(note !== null || body === null || body === "") && (
          <Group gap={6} c="dimmed" wrap="nowrap">
            <IconInfoCircle size={16} aria-hidden />
            <Text size="sm">{note ?? "Without a body."}</Text>
          </Group>
        )}
      </Stack>
    </Part>
  );
}

function Headers({ headers, title }: { headers: [string, string][]; title: string }) {
  if (headers.length === 0) return null;
  return (
    <Table aria-label={`Headers ${title.toLowerCase()}`} className={classes.headers}>
      <Table.Tbody>
        {headers.map(([name, value], index) => (
          <Table.Tr key={index}>
            <Table.Th scope="row">{name}</Table.Th>
            <Table.Td>{value}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
