import { Skeleton, Stack } from "@mantine/core";
import { NavLink, Outlet, useOutletContext, useParams } from "react-router";
import { useSource } from "../../api/sources";
import { useSourceStream } from "../../api/stream";
import type { Source } from "../../api/types";
import { ErrorState } from "../../components/ErrorState";
import { PageHeader } from "../../components/PageHeader";
import { ProviderMark } from "../../components/ProviderMark";
import { StatusLight } from "../../components/StatusLight";
import classes from "../../components/Tabs.module.css";

const tabs = [
  { path: "overview", name: "Overview" },
  { path: "connect", name: "Connect" },
  { path: "users", name: "Users" },
  { path: "groups", name: "Groups" },
  { path: "activity", name: "Activity" },
  { path: "credentials", name: "Credentials" },
  { path: "settings", name: "Settings" },
];

interface SourceContext {
  source: Source;
  /** Whether the page hears of each request as it arrives. */
  live: boolean;
}

/** The source whose page this tab is part of. */
export function useSourceOfPage(): SourceContext {
  return useOutletContext<SourceContext>();
}

export default function SourcePage() {
  const { slug = "" } = useParams();
  // Another source is another page: nothing typed or opened in one tab belongs to the next.
  return <OneSource key={slug} slug={slug} />;
}

function OneSource({ slug }: { slug: string }) {
  const query = useSource(slug);
  const live = useSourceStream(slug);
  const source = query.data;

  if (!source && query.error) {
    return <ErrorState level={1} error={query.error} onRetry={() => void query.refetch()} />;
  }
  if (!source) {
    return (
      <Stack aria-busy>
        <Skeleton h={32} w={280} />
        <Skeleton h={44} />
        <Skeleton h={240} />
      </Stack>
    );
  }
  return (
    <>
      <PageHeader
        title={source.name}
        trail={[{ name: "Federation & Social login", to: "/directory/sources" }]}
        beside={<StatusLight status={source.status} />}
        description={<ProviderMark provider={source.provider} withName size={22} />}
      />
      <nav aria-label={`Parts of ${source.name}`} data-keeps-focus className={classes.tabs}>
        {tabs.map(({ path, name }) => (
          <NavLink key={path} to={path} className={classes.tab} preventScrollReset>
            {name}
          </NavLink>
        ))}
      </nav>
      <Outlet context={{ source, live } satisfies SourceContext} />
    </>
  );
}
