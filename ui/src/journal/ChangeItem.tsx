import { ActionIcon, Button, Group, Stack, Text } from "@mantine/core";
import { IconChevronRight, IconFileSearch } from "@tabler/icons-react";
import { useId, useState } from "react";
import type { Change, MemberRef } from "../api/types";
import { Moment } from "../components/Moment";
import { ResourceLink } from "../directory/ResourceLink";
import classes from "./ChangeList.module.css";
import { ChangeMark } from "./ChangeMark";
import { DifferenceTable } from "./DifferenceTable";
import { differences } from "./differences";
import { sentenceText } from "./sentences";
import { SentenceView } from "./SentenceView";

export interface ChangeItemProps {
  change: Change;
  focus?: string;
  onRequest?: (id: string) => void;
}

export function ChangeItem({ change, focus, onRequest }: ChangeItemProps) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const request = onRequest ? change.request_id : null;
  const hasMore = request !== null || hasDetails(change);
  return (
    <li className={classes.item}>
      <div className={classes.head}>
        <ChangeMark change={change} />
        <div className={classes.sentence}>
          <SentenceView change={change} focus={focus} />
        </div>
        <Text span size="sm" c="dimmed" className={classes.time}>
          <Moment at={change.at} />
        </Text>
        {hasMore ? (
          <ActionIcon
            variant="subtle"
            color="gray"
            size={32}
            aria-expanded={open}
            aria-controls={open ? id : undefined}
            aria-label={`Details: ${sentenceText(change, focus)}`}
            onClick={() => setOpen(!open)}
          >
            <IconChevronRight
              size={18}
              aria-hidden
              className={classes.chevron}
              data-open={open || undefined}
            />
          </ActionIcon>
        ) : (
          <span className={classes.noChevron} />
        )}
      </div>
      {open && (
        <Stack id={id} gap="md" className={classes.details}>
          <DifferenceTable change={change} />
          {change.kind === "update" && !hasDetails(change) && (
            <Text size="sm" c="dimmed">
              No attribute that is shown has another value. A new password, for one, is kept as a
              hash, and neither shown nor written down here.
            </Text>
          )}
          <Members
            title="Added"
            members={change.members_added}
            count={change.members_added_count}
            change={change}
          />
          <Members
            title="Removed"
            members={change.members_removed}
            count={change.members_removed_count}
            change={change}
          />
          {request !== null && onRequest && (
            <Group>
              <Button
                variant="default"
                leftSection={<IconFileSearch size={16} aria-hidden />}
                onClick={() => onRequest(request)}
              >
                Show the request
              </Button>
            </Group>
          )}
        </Stack>
      )}
    </li>
  );
}

function hasDetails(change: Change): boolean {
  return (
    change.members_added_count + change.members_removed_count > 0 ||
    differences(change.before, change.after).length > 0
  );
}

interface MembersProps {
  title: string;
  members: MemberRef[];
  count: number;
  change: Change;
}

function Members({ title, members, count, change }: MembersProps) {
  if (members.length === 0) return null;
  const more = count - members.length;
  return (
    <div>
      <Text size="sm" c="dimmed" mb={4}>
        {title} {count === 1 ? "member" : "members"}
      </Text>
      <Group gap="xs" component="ul" className={classes.members}>
        {members.map((member) => (
          <li key={member.id}>
            <ResourceLink
              slug={change.source?.slug}
              type={member.type}
              id={member.id}
              name={member.display}
            />
          </li>
        ))}
        {more > 0 && (
          <Text component="li" inherit c="dimmed">
            and {more.toLocaleString("en")} more, all of them in the request
          </Text>
        )}
      </Group>
    </div>
  );
}
