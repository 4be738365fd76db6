import { Alert, Badge, Code, Group, List, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconKey, IconRotate } from "@tabler/icons-react";
import { useState } from "react";
import { readTokens, useRevokeToken, useTokens } from "../../api/tokens";
import type { Token } from "../../api/types";
import { ChangeButton } from "../../components/ChangeButton";
import { ConfirmDelete } from "../../components/ConfirmDelete";
import { type Column, DataTable } from "../../components/DataTable";
import { EmptyState } from "../../components/EmptyState";
import { ExportMenu, type ExportMenuProps } from "../../components/ExportMenu";
import { Moment } from "../../components/Moment";
import { MakeToken } from "./MakeToken";
import { useSourceOfPage } from "./SourcePage";
import { tokenName } from "./token-name";

const states = {
  active: { word: "Active", color: "green" },
  expired: { word: "Expired", color: "orange" },
  revoked: { word: "Revoked", color: "gray" },
} as const;

const exported: ExportMenuProps<Token>["columns"] = [
  { header: "id", value: (token) => token.id },
  { header: "state", value: (token) => token.state },
  { header: "created", value: (token) => token.created },
  { header: "created_by", value: (token) => token.created_by?.name },
  { header: "last_used", value: (token) => token.last_used },
  { header: "expires", value: (token) => token.expires },
  { header: "revoked", value: (token) => token.revoked },
];

export default function CredentialsTab() {
  const { source } = useSourceOfPage();
  const tokens = useTokens(source.slug);
  const [making, dialog] = useDisclosure(false);
  const [revoking, setRevoking] = useState<Token | null>(null);
  const active = tokens.data?.items.filter((token) => token.state === "active").length ?? 0;

  const columns: Column<Token>[] = [
    {
      key: "token",
      header: "Token",
      cell: (token) => (
        <Code fz="sm" title={token.id}>
          {tokenName(token)}
        </Code>
      ),
    },
    {
      key: "state",
      header: "State",
      cell: ({ state }) => <Badge color={states[state].color}>{states[state].word}</Badge>,
    },
    {
      key: "created",
      header: "Created",
      cell: (token) => (
        <div>
          <Moment at={token.created} />
          {token.created_by && (
            <Text size="sm" c="dimmed">
              by {token.created_by.name}
            </Text>
          )}
        </div>
      ),
    },
    {
      key: "last_used",
      header: "Last used",
      cell: (token) => <Moment at={token.last_used} never="not yet" />,
    },
    {
      key: "expires",
      header: "Expires",
      cell: (token) =>
        token.revoked ? (
          <span>
            revoked <Moment at={token.revoked} />
          </span>
        ) : (
          <Moment at={token.expires} />
        ),
    },
    {
      key: "actions",
      header: "Actions",
      hideHeader: true,
      align: "right",
      cell: (token) =>
        token.state !== "revoked" && (
          <ChangeButton
            variant="default"
            size="xs"
            onClick={() => setRevoking(token)}
            aria-label={`Revoke the token ${tokenName(token)}`}
          >
            Revoke
          </ChangeButton>
        ),
    },
  ];

  return (
    <>
      <title>{`Credentials · ${source.name} · Headwater`}</title>
      <Stack gap="lg">
        <Group justify="space-between" gap="md">
          <div>
            <Title order={2}>Tokens</Title>
            <Text c="dimmed">What the identity provider shows to be let in.</Text>
          </div>
          <Group gap="xs">
            <ExportMenu
              name={`${source.slug}-tokens`}
              readPage={(cursor, signal) => readTokens(source.slug, cursor, signal)}
              columns={exported}
            />
            <ChangeButton leftSection={<IconKey size={18} aria-hidden />} onClick={dialog.open}>
              Make a token
            </ChangeButton>
          </Group>
        </Group>
        <DataTable
          caption="Tokens"
          columns={columns}
          query={tokens}
          rowKey={(token) => token.id}
          skeletonRows={2}
          empty={
            <EmptyState
              icon={IconKey}
              title="No token"
              action={<ChangeButton onClick={dialog.open}>Make a token</ChangeButton>}
            >
              Without one, every request of the identity provider is refused.
            </EmptyState>
          }
        />
        <Rotation active={active} />
      </Stack>
      <MakeToken slug={source.slug} opened={making} onClose={dialog.close} />
      <RevokeToken
        slug={source.slug}
        token={revoking}
        last={active === 1 && revoking?.state === "active"}
        onClose={() => setRevoking(null)}
      />
    </>
  );
}

function Rotation({ active }: { active: number }) {
  return (
    <Alert
      icon={<IconRotate aria-hidden />}
      title={
        active > 1
          ? `${active === 2 ? "Two" : active} tokens are live`
          : "Replacing a token without a gap"
      }
    >
      {active > 1 ? (
        <Text size="sm">
          {active === 2 ? "Both" : "All"} are accepted. Once the new one is used (see{" "}
          <b>Last used</b>), and the old one no longer, revoke the old one.
        </Text>
      ) : (
        <List type="ordered" size="sm" spacing={2}>
          <List.Item>Make a second token. Both are accepted from then on.</List.Item>
          <List.Item>Paste it into the identity provider, and save.</List.Item>
          <List.Item>
            Wait until <b>Last used</b> of the new one moves, then revoke the old one.
          </List.Item>
        </List>
      )}
    </Alert>
  );
}

interface RevokeTokenProps {
  slug: string;
  token: Token | null;
  last: boolean;
  onClose: () => void;
}

function RevokeToken({ slug, token, last, onClose }: RevokeTokenProps) {
  const revoke = useRevokeToken(slug);
  return (
    <ConfirmDelete
      opened={token !== null}
      onClose={onClose}
      title="Revoke this token?"
      action="Revoke"
      onConfirm={async () => {
        if (token) await revoke.mutateAsync(token.id);
      }}
    >
      {token && (
        <Stack gap="xs">
          <Text>
            Requests with <Code>{tokenName(token)}</Code> are refused from this moment on. It can't
            be taken back.
          </Text>
          {token.last_used && (
            <Text>
              It was last used <Moment at={token.last_used} />.
            </Text>
          )}
          {last && (
            <Text fw={600}>
              It is the only token that works: provisioning stops until the identity provider has
              another one.
            </Text>
          )}
        </Stack>
      )}
    </ConfirmDelete>
  );
}
