import { Badge, Skeleton, Stack, Text } from "@mantine/core";
import { useChanges } from "../../api/changes";
import type { Change } from "../../api/types";
import { ErrorState } from "../../components/ErrorState";
import { PageHeader } from "../../components/PageHeader";
import { type Part, PartLinks, usePart } from "../../components/PartLinks";
import { AttributeCards } from "../../directory/AttributeCards";
import { History, RequestsThatTouched } from "../../directory/History";
import { LostAccessCard } from "../../directory/LostAccessCard";
import { SourceLink } from "../../directory/SourceLink";

const TRAIL = [{ name: "Users", to: "/directory/users" }];

const PARTS = [
  { key: "history", name: "History" },
  { key: "last", name: "As last known" },
  { key: "requests", name: "Requests" },
] as const satisfies readonly Part<string>[];

export interface DeletedUserProps {
  slug: string;
  id: string;
  onRequest: (request: string | number) => void;
}

/** A user who is gone: the journal still knows them. */
export function DeletedUser({ slug, id, onRequest }: DeletedUserProps) {
  const history = useChanges(slug, { resource: id, limit: 100 });
  const part = usePart(PARTS);
  const own = history.data?.items.filter((change) => change.resource.id === id) ?? [];
  const newest = own[0];

  if (history.error)
    return <ErrorState error={history.error} onRetry={() => void history.refetch()} />;
  if (!history.data) return <Skeleton h={240} />;
  if (!newest) {
    return (
      <>
        <PageHeader title="User" trail={TRAIL} />
        <ErrorState
          title="There is no such user"
          error="Neither the directory nor its journal knows this id in this source. Search for the name on the Users page."
        />
      </>
    );
  }
  const name = newest.resource.display ?? id;
  const about = { slug, type: "user", id, onRequest } as const;
  return (
    <>
      <PageHeader
        title={name}
        trail={TRAIL}
        beside={<Badge color="red">Deleted</Badge>}
        description={newest.source && <SourceLink source={newest.source} />}
      />
      <PartLinks label={`Parts of ${name}`} parts={PARTS} current={part} />
      {part === "history" && (
        <Stack>
          <LostAccessCard
            slug={slug}
            userId={id}
            name={name}
            history={history.data.items}
            complete={false}
            onRequest={onRequest}
          />
          <History {...about} />
        </Stack>
      )}
      {part === "last" && <LastKnown changes={own} />}
      {part === "requests" && <RequestsThatTouched {...about} />}
    </>
  );
}

function LastKnown({ changes }: { changes: Change[] }) {
  // A deletion tells all attributes as they were.
  const last = changes.find(({ kind }) => kind === "delete")?.before;
  if (!last) return <Text c="dimmed">The journal does not tell the last attributes.</Text>;
  return <AttributeCards resource={last} />;
}
