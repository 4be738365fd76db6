import { Skeleton, Stack } from "@mantine/core";
import { NavLink, Outlet, useLocation, useOutletContext, useParams } from "react-router";
import { useSource } from "../../api/sources";
import { useSourceStream } from "../../api/stream";
import type { Source } from "../../api/types";
import { useCurrentInSight } from "../../components/current-in-sight";
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
  { path: "schemas", name: "Schemas" },
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
      <SourceTabs name={source.name} />
      <Outlet context={{ source, live } satisfies SourceContext} />
    </>
  );
}

function SourceTabs({ name }: { name: string }) {
  const { pathname } = useLocation();
  const list = useCurrentInSight(pathname);
  return (
    <nav ref={list} aria-label={`Parts of ${name}`} data-keeps-focus className={classes.tabs}>
      {tabs.map((tab) => (
        <NavLink key={tab.path} to={tab.path} className={classes.tab} preventScrollReset>
          {tab.name}
        </NavLink>
      ))}
    </nav>
  );
}
