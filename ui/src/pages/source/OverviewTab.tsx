import { Button, Card, Group, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconArrowRight, IconPlugConnected } from "@tabler/icons-react";
import { Link } from "react-router";
import { useOverview } from "../../api/sources";
import type { Overview } from "../../api/types";
import { ErrorState } from "../../components/ErrorState";
import { Moment } from "../../components/Moment";
import { StatusLight } from "../../components/StatusLight";
import { arrivals, isConnected } from "./arrival-steps";
import { AttentionList } from "./AttentionList";
import { Figure } from "./Figure";
import classes from "./OverviewTab.module.css";
import { useSourceOfPage } from "./SourcePage";
import { TrafficChart } from "./TrafficChart";

export default function OverviewTab() {
  const { source } = useSourceOfPage();
  const overview = useOverview(source.slug);
  return (
    <>
      <title>{`Overview · ${source.name} · Headwater`}</title>
      {overview.data ? (
        <Loaded overview={overview.data} />
      ) : overview.error ? (
        <ErrorState error={overview.error} onRetry={() => void overview.refetch()} />
      ) : (
        <Stack aria-busy>
          <Skeleton h={96} />
          <Skeleton h={280} />
        </Stack>
      )}
    </>
  );
}

function Loaded({ overview }: { overview: Overview }) {
  const { source, hours, checklist, attention, inactive_users } = overview;
  const { status } = source;
  const base = `/directory/sources/${source.slug}`;
  return (
    <Stack gap="lg">
      {!isConnected(checklist) && <ConnectHint overview={overview} />}
      <Card>
        <Group justify="space-between" gap="md">
          <StatusLight status={status} withReason />
          <Text size="sm" c="dimmed">
            Last request: <Moment at={status.last_request} never="none yet" />
          </Text>
        </Group>
      </Card>
      <div className={classes.figures}>
        <Figure
          name="Users"
          value={status.users}
          note={noteOf(status.users, inactive_users)}
          to={`${base}/users`}
        />
        <Figure name="Groups" value={status.groups} to={`${base}/groups`} />
        <Figure
          name="Requests"
          value={status.requests_last_day}
          note="in the last day"
          to={`${base}/activity?view=requests`}
        />
        <Figure
          name="Errors"
          value={status.errors_last_day}
          note="in the last day"
          to={`${base}/activity?view=requests&status=error`}
          alarming={status.errors_last_day > 0}
        />
      </div>
      <div className={classes.columns}>
        <Card component="section" aria-labelledby="traffic">
          <Title order={2} id="traffic" mb="md">
            Requests over the last day
          </Title>
          <TrafficChart hours={hours} />
        </Card>
        <Card component="section" aria-labelledby="attention">
          <Title order={2} id="attention" mb="md">
            What needs attention
          </Title>
          <AttentionList attention={attention} slug={source.slug} />
        </Card>
      </div>
    </Stack>
  );
}

function ConnectHint({ overview: { source, checklist } }: { overview: Overview }) {
  const done = arrivals.filter(({ name }) => checklist[name] !== null).length;
  return (
    <Card className={classes.hint}>
      <Group justify="space-between" gap="md">
        <Group gap="md" wrap="nowrap" flex={1} miw={260}>
          <IconPlugConnected size={28} stroke={1.6} aria-hidden style={{ flex: "none" }} />
          <div>
            <Text fw={600}>{done === 0 ? "Nothing has arrived yet" : "Almost connected"}</Text>
            <Text size="sm">
              {done === 0
                ? "Give the identity provider the address and the token of this source."
                : `${done} of ${arrivals.length} things have arrived.`}
            </Text>
          </div>
        </Group>
        <Button
          component={Link}
          to={`/directory/sources/${source.slug}/connect`}
          rightSection={<IconArrowRight size={16} aria-hidden />}
        >
          {done === 0 ? "Connect" : "Go on connecting"}
        </Button>
      </Group>
    </Card>
  );
}

function noteOf(users: number, inactive: number): string | undefined {
  if (users === 0) return undefined;
  return inactive === 0 ? "all active" : `${inactive.toLocaleString("en")} of them inactive`;
}
