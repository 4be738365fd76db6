import { Grid, Stack, Text } from "@mantine/core";
import { useChanges } from "../../api/changes";
import type { UserDetail } from "../../api/types";
import { JsonView } from "../../components/JsonView";
import { PageHeader } from "../../components/PageHeader";
import { type Part, PartLinks, usePart } from "../../components/PartLinks";
import { ActiveBadge } from "../../directory/ActiveBadge";
import { AttributeCards } from "../../directory/AttributeCards";
import { GroupsOfUser } from "../../directory/GroupsOfUser";
import { History, RequestsThatTouched } from "../../directory/History";
import { LostAccessCard } from "../../directory/LostAccessCard";
import { RecordFacts } from "../../directory/RecordFacts";

const PARTS = [
  { key: "overview", name: "Overview" },
  { key: "history", name: "History" },
  { key: "requests", name: "Requests" },
  { key: "json", name: "Raw JSON" },
] as const satisfies readonly Part<string>[];

/** So much of the history is looked through for what was taken away. */
const EXAMINED = 300;

export interface PresentUserProps {
  detail: UserDetail;
  onRequest: (request: string | number) => void;
}

export function PresentUser({ detail, onRequest }: PresentUserProps) {
  const { user, resource } = detail;
  const part = usePart(PARTS);
  const name = user.display_name ?? user.user_name;
  const slug = user.source.slug;
  const about = { slug, type: "user", id: user.id, onRequest } as const;
  return (
    <>
      <PageHeader
        title={name}
        trail={[{ name: "Users", to: "/directory/users" }]}
        beside={<ActiveBadge active={user.active} />}
        facts={
          <RecordFacts
            source={user.source}
            created={user.created}
            lastModified={user.last_modified}
            alias={user.user_name === name ? undefined : user.user_name}
          />
        }
      />
      <PartLinks label={`Parts of ${name}`} parts={PARTS} current={part} />
      {part === "overview" && <Overview detail={detail} name={name} onRequest={onRequest} />}
      {part === "history" && <History {...about} />}
      {part === "requests" && <RequestsThatTouched {...about} />}
      {part === "json" && (
        <JsonView value={resource} label="The user as its client gets it" maxHeight={720} />
      )}
    </>
  );
}

function Overview({ detail, name, onRequest }: PresentUserProps & { name: string }) {
  const { user, groups, resource } = detail;
  const slug = user.source.slug;
  const history = useChanges(slug, { resource: user.id, limit: EXAMINED });
  return (
    <Stack>
      {history.data && (
        <LostAccessCard
          slug={slug}
          userId={user.id}
          name={name}
          history={history.data.items}
          complete={history.data.next === null}
          onRequest={onRequest}
        />
      )}
      {history.error && (
        <Text size="sm" c="var(--mantine-color-error)" role="alert">
          The history could not be read, so what was taken away is not shown. Reload to try again.
        </Text>
      )}
      <Grid>
        <Grid.Col span={{ base: 12, lg: 8 }}>
          <AttributeCards resource={resource} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, lg: 4 }}>
          <GroupsOfUser slug={slug} userId={user.id} groups={groups} />
        </Grid.Col>
      </Grid>
    </Stack>
  );
}
