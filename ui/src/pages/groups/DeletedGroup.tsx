import { Badge, Skeleton } from "@mantine/core";
import { useChanges } from "../../api/changes";
import { ErrorState } from "../../components/ErrorState";
import { PageHeader } from "../../components/PageHeader";
import { type Part, PartLinks, usePart } from "../../components/PartLinks";
import { History, RequestsThatTouched } from "../../directory/History";
import { SourceLink } from "../../directory/SourceLink";

const TRAIL = [{ name: "Groups", to: "/directory/groups" }];

const PARTS = [
  { key: "history", name: "History" },
  { key: "requests", name: "Requests" },
] as const satisfies readonly Part<string>[];

export interface DeletedGroupProps {
  slug: string;
  id: string;
  onRequest: (request: string | number) => void;
}

/** A group that is gone: the journal still knows it. */
export function DeletedGroup({ slug, id, onRequest }: DeletedGroupProps) {
  const newest = useChanges(slug, { resource: id, limit: 1 });
  const part = usePart(PARTS);
  const change = newest.data?.items[0];

  if (newest.error)
    return <ErrorState error={newest.error} onRetry={() => void newest.refetch()} />;
  if (!newest.data) return <Skeleton h={240} />;
  if (!change) {
    return (
      <>
        <PageHeader title="Group" trail={TRAIL} />
        <ErrorState
          title="There is no such group"
          error="Neither the directory nor its journal knows this id in this source. Search for the name on the Groups page."
        />
      </>
    );
  }
  const name = change.resource.display ?? id;
  const about = { slug, type: "group", id, onRequest } as const;
  return (
    <>
      <PageHeader
        title={name}
        trail={TRAIL}
        beside={<Badge color="red">Deleted</Badge>}
        description={change.source && <SourceLink source={change.source} />}
      />
      <PartLinks label={`Parts of ${name}`} parts={PARTS} current={part} />
      {part === "history" ? <History {...about} /> : <RequestsThatTouched {...about} />}
    </>
  );
}
