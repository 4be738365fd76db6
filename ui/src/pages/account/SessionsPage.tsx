import { Badge, Button, Group, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconDoorExit } from "@tabler/icons-react";
import { readSessions, useSessions, useSignOut } from "../../api/session";
import type { SessionSummary } from "../../api/types";
import { type Column, DataTable } from "../../components/DataTable";
import { messageOf } from "../../components/ErrorState";
import { ExportMenu, type ExportMenuProps } from "../../components/ExportMenu";
import { Moment } from "../../components/Moment";
import { PageHeader } from "../../components/PageHeader";
import { browserName } from "./browser-name";

const columns: Column<SessionSummary>[] = [
  {
    key: "browser",
    header: "Browser",
    cell: (session) => (
      <Group gap="xs">
        <Text span fw={500} title={session.user_agent ?? undefined}>
          {browserName(session.user_agent)}
        </Text>
        {session.current && <Badge>This session</Badge>}
      </Group>
    ),
  },
  { key: "address", header: "Address", cell: (session) => session.address },
  { key: "created", header: "Signed in", cell: (session) => <Moment at={session.created} /> },
  { key: "last_seen", header: "Last seen", cell: (session) => <Moment at={session.last_seen} /> },
  { key: "expires", header: "Ends", cell: (session) => <Moment at={session.expires} /> },
];

const exported: ExportMenuProps<SessionSummary>["columns"] = [
  { header: "user_agent", value: (session) => session.user_agent },
  { header: "address", value: (session) => session.address },
  { header: "created", value: (session) => session.created },
  { header: "last_seen", value: (session) => session.last_seen },
  { header: "expires", value: (session) => session.expires },
  { header: "current", value: (session) => session.current },
];

export default function SessionsPage() {
  const sessions = useSessions();
  const signOut = useSignOut();
  return (
    <>
      <PageHeader
        title="Your sessions"
        description="Each browser in which you are signed in. One that you do not know? Sign out everywhere, then change your password."
        actions={
          <>
            <ExportMenu name="sessions" readPage={readSessions} columns={exported} />
            <Button
              variant="default"
              leftSection={<IconDoorExit size={16} aria-hidden />}
              loading={signOut.isPending}
              onClick={() =>
                signOut.mutate("everywhere", {
                  onError: (error) =>
                    notifications.show({
                      color: "red",
                      title: "Not signed out",
                      message: messageOf(error),
                    }),
                })
              }
            >
              Sign out everywhere
            </Button>
          </>
        }
      />
      <DataTable
        caption="Your sessions"
        columns={columns}
        query={sessions}
        rowKey={(session) => session.id}
        skeletonRows={2}
      />
    </>
  );
}
