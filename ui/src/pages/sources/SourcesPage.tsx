import { Anchor, Button, Code, Group, Stack, Text } from "@mantine/core";
import { IconCloudDataConnection, IconPlus, IconSearchOff } from "@tabler/icons-react";
import { Link, useNavigate } from "react-router";
import { readSources, useSources } from "../../api/sources";
import type { Source } from "../../api/types";
import { ChangeButton } from "../../components/ChangeButton";
import { type Column, DataTable } from "../../components/DataTable";
import { EmptyState } from "../../components/EmptyState";
import { ExportMenu, type ExportMenuProps } from "../../components/ExportMenu";
import { Moment } from "../../components/Moment";
import { PageHeader } from "../../components/PageHeader";
import { Pager, useCursorPaging } from "../../components/Pager";
import { ProviderMark } from "../../components/ProviderMark";
import { SearchInput } from "../../components/SearchInput";
import { StatusLight } from "../../components/StatusLight";
import { useUrlState } from "../../components/url-state";
import { providerCard } from "../../guides/marks";

const numbers = new Intl.NumberFormat("en");

const columns: Column<Source>[] = [
  {
    key: "name",
    header: "Name",
    cell: (source) => (
      <Group gap="sm" wrap="nowrap">
        <ProviderMark provider={source.provider} size={34} />
        <Stack gap={0} miw={0}>
          <Anchor component={Link} to={`/directory/sources/${source.slug}`} fw={600}>
            {source.name}
          </Anchor>
          <Text span size="sm" c="dimmed">
            {source.slug}
          </Text>
        </Stack>
      </Group>
    ),
  },
  {
    key: "type",
    header: "Type",
    cell: (source) => (
      <Stack gap={0}>
        <span>SCIM Source</span>
        <Text span size="sm" c="dimmed">
          {providerCard(source.provider).name}
        </Text>
      </Stack>
    ),
  },
  { key: "status", header: "Status", cell: (source) => <StatusLight status={source.status} /> },
  {
    key: "users",
    header: "Users",
    align: "right",
    cell: (source) => numbers.format(source.status.users),
  },
  {
    key: "groups",
    header: "Groups",
    align: "right",
    cell: (source) => numbers.format(source.status.groups),
  },
  {
    key: "last_request",
    header: "Last request",
    cell: (source) => <Moment at={source.status.last_request} never="none yet" />,
  },
  {
    key: "errors",
    header: "Errors in the last day",
    align: "right",
    cell: ({ slug, status }) =>
      status.errors_last_day === 0 ? (
        <Text span inherit c="dimmed">
          0
        </Text>
      ) : (
        <Anchor
          component={Link}
          to={`/directory/sources/${slug}/activity?view=requests&status=error`}
          fw={600}
        >
          {numbers.format(status.errors_last_day)}
        </Anchor>
      ),
  },
];

const exported: ExportMenuProps<Source>["columns"] = [
  { header: "slug", value: (source) => source.slug },
  { header: "name", value: (source) => source.name },
  { header: "provider", value: (source) => source.provider },
  { header: "enabled", value: (source) => source.enabled },
  { header: "base_url", value: (source) => source.base_url },
  { header: "created", value: (source) => source.created },
  { header: "status", value: (source) => source.status.light },
  { header: "users", value: (source) => source.status.users },
  { header: "groups", value: (source) => source.status.groups },
  { header: "last_request", value: (source) => source.status.last_request },
  { header: "requests_last_day", value: (source) => source.status.requests_last_day },
  { header: "errors_last_day", value: (source) => source.status.errors_last_day },
];

export default function SourcesPage() {
  const [filters, setFilters] = useUrlState({ q: "" });
  const paging = useCursorPaging();
  const sources = useSources({ q: filters.q, limit: paging.limit, cursor: paging.cursor });
  const none = sources.data?.items.length === 0 && filters.q === "" && paging.number === 1;

  return (
    <>
      <PageHeader
        title="Federation & Social login"
        description="Where your users and groups come from. Each source gives one identity provider its own address and its own part of the directory."
        actions={!none && <CreateButton />}
      />
      {!none && (
        <Group justify="space-between" mb="md">
          <SearchInput
            label="Search sources"
            value={filters.q}
            onSearch={(q) => setFilters({ q })}
          />
          <ExportMenu
            name="sources"
            readPage={(cursor, signal) =>
              readSources({ q: filters.q, limit: 1000, cursor }, signal)
            }
            columns={exported}
          />
        </Group>
      )}
      <DataTable
        caption="Sources"
        columns={columns}
        query={sources}
        rowKey={(source) => source.slug}
        skeletonRows={4}
        empty={
          none ? <NoSources /> : <NothingFound q={filters.q} clear={() => setFilters({ q: "" })} />
        }
      />
      <Pager paging={paging} page={sources.data} />
    </>
  );
}

function CreateButton() {
  const navigate = useNavigate();
  return (
    <ChangeButton
      leftSection={<IconPlus size={18} aria-hidden />}
      onClick={() => void navigate("/directory/sources/new")}
    >
      Create
    </ChangeButton>
  );
}

function NoSources() {
  return (
    <EmptyState
      icon={IconCloudDataConnection}
      title="Let the first users arrive"
      action={<CreateButton />}
    >
      Create a source for Entra ID, Okta, Google Workspace or any other SCIM 2.0 client. You get an
      address and a token; paste both into the identity provider, and watch people appear here. It
      takes about five minutes.
    </EmptyState>
  );
}

function NothingFound({ q, clear }: { q: string; clear: () => void }) {
  return (
    <EmptyState
      icon={IconSearchOff}
      title="No source found"
      action={
        <Button variant="default" onClick={clear}>
          Show all sources
        </Button>
      }
    >
      No source has <Code>{q}</Code> in its name or slug.
    </EmptyState>
  );
}
