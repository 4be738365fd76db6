// How the server itself is doing.
import { Alert, Card, SimpleGrid, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useSystem } from "../../api/system";
import type { System } from "../../api/types";
import { ErrorState } from "../../components/ErrorState";
import { Moment } from "../../components/Moment";
import { PageHeader } from "../../components/PageHeader";
import { HealthChecks } from "./HealthChecks";
import classes from "./HealthPage.module.css";
import { bytesInWords, durationInWords } from "./measures";
import { UnmatchedRequests } from "./UnmatchedRequests";

export default function HealthPage() {
  const query = useSystem();
  return (
    <>
      <PageHeader title="Health" description="How the server itself is doing." />
      <Stack gap="xl">
        {query.error && query.data && (
          <Alert color="orange" icon={<IconAlertTriangle aria-hidden />} title="Not up to date">
            The server did not answer just now, so this is how it was before.
          </Alert>
        )}
        {query.data ? (
          <SystemCards system={query.data} />
        ) : query.error ? (
          <ErrorState error={query.error} onRetry={() => void query.refetch()} />
        ) : (
          <Skeleton h={320} aria-busy />
        )}
        <UnmatchedRequests />
      </Stack>
    </>
  );
}

function SystemCards({ system }: { system: System }) {
  const { store, request_log } = system;
  return (
    <>
      <HealthChecks checks={system.health} />
      <SimpleGrid cols={{ base: 1, md: 3 }}>
        <Facts title="Server">
          <Fact name="Version">{system.version}</Fact>
          <Fact name="Up for">{durationInWords(system.uptime_seconds)}</Fact>
          <Fact name="Started">
            <Moment at={system.started} />
          </Fact>
          <Fact name="Listens on">{system.listen}</Fact>
          <Fact name="Public URL">{system.public_url ?? "taken from each request"}</Fact>
        </Facts>
        <Facts title="Storage">
          <Fact name="Kind">{store.kind === "sqlite" ? "SQLite" : "PostgreSQL"}</Fact>
          <Fact name="Place">{store.location}</Fact>
          <Fact name="Size">{bytesInWords(store.bytes)}</Fact>
          <Fact name="Sources">{amount(system.sources)}</Fact>
          <Fact name="Users">{amount(system.users)}</Fact>
          <Fact name="Groups">{amount(system.groups)}</Fact>
        </Facts>
        <Facts title="Request log">
          <Fact name="Size">{bytesInWords(request_log.bytes)}</Fact>
          <Fact name="Requests">{amount(request_log.entries)}</Fact>
          <Fact name="Not written">
            {request_log.dropped === 0 ? "none" : amount(request_log.dropped)}
          </Fact>
          {request_log.counted > 0 && (
            <Fact name="Only counted">{amount(request_log.counted)} successful reads</Fact>
          )}
          {request_log.dropped > 0 && (
            <Text size="sm" c="dimmed">
              So many came at once that the log could not keep up. They were answered all the same.
            </Text>
          )}
        </Facts>
      </SimpleGrid>
    </>
  );
}

const amount = (value: number) => value.toLocaleString("en");

function Facts({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Card component="section">
      <Title order={2} fz="md" mb="sm">
        {title}
      </Title>
      <dl className={classes.facts}>{children}</dl>
    </Card>
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
