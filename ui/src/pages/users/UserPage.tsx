// Everything about one user: attributes, groups, what was taken away and why, history, requests.
import { Skeleton, Stack } from "@mantine/core";
import { useParams } from "react-router";
import { ApiError } from "../../api/client";
import { useUser } from "../../api/directory";
import { useSource } from "../../api/sources";
import { useSourceStream } from "../../api/stream";
import { ErrorState } from "../../components/ErrorState";
import { PageHeader } from "../../components/PageHeader";
import { useOpenRequest } from "../../requests/open-request";
import { RequestDrawer } from "../../requests/RequestDrawer";
import { DeletedUser } from "./DeletedUser";
import { PresentUser } from "./PresentUser";

export default function UserPage() {
  const { slug = "", id = "" } = useParams();
  return <OneUser key={`${slug} ${id}`} slug={slug} id={id} />;
}

function OneUser({ slug, id }: { slug: string; id: string }) {
  const query = useUser(slug, id);
  const source = useSource(slug);
  const { pointer, open, close } = useOpenRequest();
  useSourceStream(slug);
  const missing = query.error instanceof ApiError && query.error.status === 404;

  return (
    <>
      {missing && source.data ? (
        <DeletedUser slug={slug} id={id} onRequest={open} />
      ) : query.data ? (
        <PresentUser detail={query.data} onRequest={open} />
      ) : query.error && !(missing && source.isLoading) ? (
        <>
          <PageHeader title="User" trail={[{ name: "Users", to: "/directory/users" }]} />
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
