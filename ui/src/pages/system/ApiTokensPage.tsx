import { Anchor, Badge, Button, Group, Stack, Text } from "@mantine/core";
import { IconKey, IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";
import { NewTokenDialog } from "../../api-tokens/NewTokenDialog";
import { readApiTokens, stateOf, useApiTokens, useRevokeApiToken } from "../../api/api-tokens";
import { useCanChange } from "../../api/session";
import type { ApiToken } from "../../api/types";
import { ChangeButton } from "../../components/ChangeButton";
import { ConfirmDelete } from "../../components/ConfirmDelete";
import { type Column, DataTable } from "../../components/DataTable";
import { EmptyState } from "../../components/EmptyState";
import { ExportMenu, type ExportMenuProps } from "../../components/ExportMenu";
import { Moment } from "../../components/Moment";
import { PageHeader } from "../../components/PageHeader";
import { Pager, useCursorPaging } from "../../components/Pager";
import { actorTitle } from "../../journal/sentences";

export default function ApiTokensPage() {
  const canChange = useCanChange();
  const paging = useCursorPaging();
  const query = useApiTokens({ limit: paging.limit, cursor: paging.cursor });
  const revoke = useRevokeApiToken();
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<ApiToken | null>(null);

  const columns: Column<ApiToken>[] = [
    { key: "name", header: "Name", cell: (token) => <What token={token} /> },
    {
      key: "role",
      header: "Role",
      cell: ({ role }) => (role === "auditor" ? "Auditor" : "Administrator"),
    },
    { key: "state", header: "State", cell: (token) => <State token={token} /> },
    {
      key: "expires",
      header: "Expires",
      cell: ({ expires }) => <Moment at={expires} />,
    },
    { key: "last_used", header: "Last used", cell: ({ last_used }) => <Moment at={last_used} /> },
  ];
  if (canChange) {
    columns.push({
      key: "acts",
      header: "Actions",
      hideHeader: true,
      align: "right",
      cell: (token) =>
        stateOf(token) === "active" && (
          <Button
            variant="subtle"
            color="red"
            size="compact-sm"
            aria-label={`Revoke ${token.name}`}
            onClick={() => setRevoking(token)}
          >
            Revoke
          </Button>
        ),
    });
  }
  const make = (
    <ChangeButton leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setMaking(true)}>
      New API token
    </ChangeButton>
  );

  return (
    <>
      <PageHeader
        title="API tokens"
        description={
          <>
            For scripts that use the admin API, see the{" "}
            <Anchor component={Link} to="/system/api" inherit underline="always">
              API reference
            </Anchor>
            . Identity providers have their own tokens, on each source’s page.
          </>
        }
        actions={
          <>
            <ExportMenu
              name="api-tokens"
              readPage={(cursor, signal) => readApiTokens({ limit: 1000, cursor }, signal)}
              columns={EXPORTED}
            />
            {make}
          </>
        }
      />
      <DataTable
        caption="API tokens"
        columns={columns}
        rowKey={({ id }) => id}
        query={query}
        skeletonRows={3}
        empty={
          <EmptyState icon={IconKey} title="No API tokens yet" action={make}>
            A script shows one as <code>Authorization: Bearer …</code> and may then do what its role
            allows.
          </EmptyState>
        }
      />
      <Pager paging={paging} page={query.data} />
      <NewTokenDialog opened={making} onClose={() => setMaking(false)} />
      <ConfirmDelete
        opened={revoking !== null}
        onClose={() => setRevoking(null)}
        title="Revoke this API token?"
        action="Revoke"
        onConfirm={() => revoke.mutateAsync(revoking?.id ?? "")}
      >
        “{revoking?.name}” stops working at once, and whatever uses it is refused. This can’t be
        undone.
      </ConfirmDelete>
    </>
  );
}

function What({ token: { name, created, created_by } }: { token: ApiToken }) {
  return (
    <Stack gap={0}>
      <Text span inherit fw={600}>
        {name}
      </Text>
      <Text span size="sm" c="dimmed">
        made <Moment at={created} /> by {actorTitle(created_by)}
      </Text>
    </Stack>
  );
}

function State({ token }: { token: ApiToken }) {
  switch (stateOf(token)) {
    case "active":
      return <Badge color="green">Active</Badge>;
    case "expired":
      return <Badge color="gray">Expired</Badge>;
    case "revoked":
      return (
        <Group gap="xs">
          <Badge color="red">Revoked</Badge>
          <Text span size="sm" c="dimmed">
            <Moment at={token.revoked} />
          </Text>
        </Group>
      );
  }
}

const EXPORTED: ExportMenuProps<ApiToken>["columns"] = [
  { header: "id", value: (token) => token.id },
  { header: "name", value: (token) => token.name },
  { header: "role", value: (token) => token.role },
  { header: "state", value: (token) => stateOf(token) },
  { header: "created", value: (token) => token.created },
  { header: "created_by", value: (token) => token.created_by.name },
  { header: "expires", value: (token) => token.expires },
  { header: "last_used", value: (token) => token.last_used },
  { header: "revoked", value: (token) => token.revoked },
];
