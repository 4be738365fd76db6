import { Badge, Group, Stack, Text } from "@mantine/core";
import { IconUserPlus } from "@tabler/icons-react";
import { useState } from "react";
import { ActConfirmation } from "../../administrators/ActConfirmation";
import { type Act, AdministratorMenu } from "../../administrators/AdministratorMenu";
import { EditDialog } from "../../administrators/EditDialog";
import { InviteDialog } from "../../administrators/InviteDialog";
import { type Handover, OneTimeLink } from "../../administrators/OneTimeLink";
import { readAdministrators, useAdministrators } from "../../api/administrators";
import { useAdministrator, useCanChange } from "../../api/session";
import type { Administrator } from "../../api/types";
import { ChangeButton } from "../../components/ChangeButton";
import { type Column, DataTable } from "../../components/DataTable";
import { ExportMenu, type ExportMenuProps } from "../../components/ExportMenu";
import { Moment } from "../../components/Moment";
import { PageHeader } from "../../components/PageHeader";
import { Pager, useCursorPaging } from "../../components/Pager";

export default function AdministratorsPage() {
  const self = useAdministrator();
  const canChange = useCanChange();
  const paging = useCursorPaging();
  const query = useAdministrators({ limit: paging.limit, cursor: paging.cursor });
  const [inviting, setInviting] = useState(false);
  const [chosen, setChosen] = useState<{ administrator: Administrator; act: Act } | null>(null);
  const [handover, setHandover] = useState<Handover | null>(null);

  const columns: Column<Administrator>[] = [
    {
      key: "name",
      header: "Name",
      cell: (one) => <Who administrator={one} self={one.id === self.id} />,
    },
    {
      key: "role",
      header: "Role",
      cell: ({ role }) => (role === "auditor" ? "Auditor" : "Administrator"),
    },
    { key: "state", header: "State", cell: (one) => <State administrator={one} /> },
    { key: "created", header: "Made", cell: ({ created }) => <Moment at={created} /> },
    {
      key: "last_login",
      header: "Last sign-in",
      cell: ({ last_login }) => <Moment at={last_login} />,
    },
  ];
  if (canChange) {
    columns.push({
      key: "acts",
      header: "Actions",
      hideHeader: true,
      align: "right",
      width: 60,
      cell: (administrator) => (
        <AdministratorMenu
          administrator={administrator}
          onAct={(act) => setChosen({ administrator, act })}
        />
      ),
    });
  }

  return (
    <>
      <PageHeader
        title="Administrators"
        description="Who may sign in here. Auditors see everything and change nothing."
        actions={
          <>
            <ExportMenu
              name="administrators"
              readPage={(cursor, signal) => readAdministrators({ limit: 1000, cursor }, signal)}
              columns={EXPORTED}
            />
            <ChangeButton
              leftSection={<IconUserPlus size={16} aria-hidden />}
              onClick={() => setInviting(true)}
            >
              Invite
            </ChangeButton>
          </>
        }
      />
      <DataTable
        caption="Administrators"
        columns={columns}
        rowKey={({ id }) => id}
        query={query}
        skeletonRows={3}
      />
      <Pager paging={paging} page={query.data} />

      <InviteDialog opened={inviting} onClose={() => setInviting(false)} onInvited={setHandover} />
      <EditDialog
        administrator={chosen?.act === "edit" ? chosen.administrator : null}
        onClose={() => setChosen(null)}
      />
      <ActConfirmation
        administrator={chosen && chosen.act !== "edit" ? chosen.administrator : null}
        act={chosen && chosen.act !== "edit" ? chosen.act : "disable"}
        onClose={() => setChosen(null)}
        onLink={setHandover}
      />
      <OneTimeLink handover={handover} onClose={() => setHandover(null)} />
    </>
  );
}

function Who({
  administrator: { name, email },
  self,
}: {
  administrator: Administrator;
  self: boolean;
}) {
  return (
    <Stack gap={0}>
      <Group gap="xs">
        <Text span inherit fw={600}>
          {name}
        </Text>
        {self && <Badge>You</Badge>}
      </Group>
      <Text span size="sm" c="dimmed">
        {email}
      </Text>
    </Stack>
  );
}

function State({ administrator: { disabled, has_password } }: { administrator: Administrator }) {
  if (disabled) return <Badge color="gray">Disabled</Badge>;
  return has_password ? <Badge color="green">Active</Badge> : <Badge color="yellow">Invited</Badge>;
}

const EXPORTED: ExportMenuProps<Administrator>["columns"] = [
  { header: "id", value: (one) => one.id },
  { header: "email", value: (one) => one.email },
  { header: "name", value: (one) => one.name },
  { header: "role", value: (one) => one.role },
  { header: "disabled", value: (one) => one.disabled },
  { header: "has_password", value: (one) => one.has_password },
  { header: "created", value: (one) => one.created },
  { header: "last_login", value: (one) => one.last_login },
];
