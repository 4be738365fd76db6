// Everything about one group: members, attributes, history, requests.
import { Badge, Skeleton, Stack } from "@mantine/core";
import { useParams } from "react-router";
import { ApiError } from "../../api/client";
import { useGroup } from "../../api/directory";
import { useSource } from "../../api/sources";
import { useSourceStream } from "../../api/stream";
import type { GroupDetail } from "../../api/types";
import { ErrorState } from "../../components/ErrorState";
import { JsonView } from "../../components/JsonView";
import { PageHeader } from "../../components/PageHeader";
import { type Part, PartLinks, usePart } from "../../components/PartLinks";
import { AttributeCards } from "../../directory/AttributeCards";
import { History, RequestsThatTouched } from "../../directory/History";
import { MembersList } from "../../directory/MembersList";
import { RecordFacts } from "../../directory/RecordFacts";
import { useOpenRequest } from "../../requests/open-request";
import { RequestDrawer } from "../../requests/RequestDrawer";
import { DeletedGroup } from "./DeletedGroup";

export default function GroupPage() {
  const { slug = "", id = "" } = useParams();
  return <OneGroup key={`${slug} ${id}`} slug={slug} id={id} />;
}

function OneGroup({ slug, id }: { slug: string; id: string }) {
  const query = useGroup(slug, id);
  const source = useSource(slug);
  const { pointer, open, close } = useOpenRequest();
  useSourceStream(slug);
  const missing = query.error instanceof ApiError && query.error.status === 404;

  return (
    <>
      {missing && source.data ? (
        <DeletedGroup slug={slug} id={id} onRequest={open} />
      ) : query.data ? (
        <PresentGroup detail={query.data} onRequest={open} />
      ) : query.error && !(missing && source.isLoading) ? (
        <>
          <PageHeader title="Group" trail={TRAIL} />
          <ErrorState error={source.error ?? query.error} onRetry={() => void query.refetch()} />
        </>
      ) : (
        <Stack aria-busy>
          <Skeleton h={32} w={280} />
          <Skeleton h={44} />
          <Skeleton h={240} />
        </Stack>
      )}
      <RequestDrawer
        slug={slug}
        baseUrl={source.data?.base_url ?? ""}
        pointer={pointer}
        onClose={close}
      />
    </>
  );
}

const TRAIL = [{ name: "Groups", to: "/directory/groups" }];

const PARTS = [
  { key: "members", name: "Members" },
  { key: "attributes", name: "Attributes" },
  { key: "history", name: "History" },
  { key: "requests", name: "Requests" },
  { key: "json", name: "Raw JSON" },
] as const satisfies readonly Part<string>[];

interface PresentGroupProps {
  detail: GroupDetail;
  onRequest: (request: string | number) => void;
}

function PresentGroup({ detail: { group, resource }, onRequest }: PresentGroupProps) {
  const part = usePart(PARTS);
  const slug = group.source.slug;
  const about = { slug, type: "group", id: group.id, onRequest } as const;
  return (
    <>
      <PageHeader
        title={group.display_name}
        trail={TRAIL}
        beside={
          <Badge color="gray">
            {group.member_count === 1
              ? "1 member"
              : `${group.member_count.toLocaleString("en")} members`}
          </Badge>
        }
        facts={
          <RecordFacts
            source={group.source}
            created={group.created}
            lastModified={group.last_modified}
          />
        }
      />
      <PartLinks label={`Parts of ${group.display_name}`} parts={PARTS} current={part} />
      {part === "members" && <MembersList slug={slug} id={group.id} name={group.display_name} />}
      {part === "attributes" && <AttributeCards resource={resource} />}
      {part === "history" && <History {...about} />}
      {part === "requests" && <RequestsThatTouched {...about} />}
      {part === "json" && (
        <JsonView
          value={resource}
          label="The group as its client gets it, without members"
          maxHeight={720}
        />
      )}
    </>
  );
}
