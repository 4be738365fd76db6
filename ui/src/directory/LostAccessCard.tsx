// Why somebody lacks access, as far as their history tells: the first thing on a user's page.
import { Anchor, Card, Group, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconTrash, IconUserMinus, IconUserOff, type TablerIcon } from "@tabler/icons-react";
import { Link } from "react-router";
import type { Change } from "../api/types";
import { Moment } from "../components/Moment";
import { type LostAccess, lostAccess } from "./lost-access";
import classes from "./LostAccessCard.module.css";
import { groupPlace } from "./places";

export interface LostAccessCardProps {
  slug: string;
  userId: string;
  name: string;
  history: Change[];
  /** Whether `history` goes back to the beginning. */
  complete: boolean;
  onRequest: (id: string) => void;
}

const SHOWN = 6;

const MARKS: Record<LostAccess["what"], TablerIcon> = {
  deleted: IconTrash,
  deactivated: IconUserOff,
  removed: IconUserMinus,
  group_deleted: IconTrash,
};

const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short" });

export function LostAccessCard(props: LostAccessCardProps) {
  const { slug, userId, name, history, complete, onRequest } = props;
  const lost = lostAccess(userId, history);
  if (lost.length === 0) {
    if (!complete) return null;
    return (
      <Text size="sm" c="dimmed">
        Nothing was taken away from {name}: never removed from a group without coming back, never
        left deactivated.
      </Text>
    );
  }
  return (
    <Card component="section" className={classes.card}>
      <Title order={2} mb="sm" className={classes.title}>
        Access that {name} lost
      </Title>
      <Stack component="ul" gap="sm" className={classes.list}>
        {lost.slice(0, SHOWN).map((one) => (
          <Group component="li" key={one.change.sequence} gap="sm" wrap="nowrap" align="flex-start">
            <Mark what={one.what} />
            <div>
              <Text fw={600}>
                <What lost={one} slug={slug} /> by {one.by} on {day.format(new Date(one.change.at))}
              </Text>
              <Text size="sm" c="dimmed">
                <Moment at={one.change.at} />
                {one.change.request_id !== null && (
                  <>
                    {" · "}
                    <Anchor
                      component="button"
                      type="button"
                      size="sm"
                      onClick={() => onRequest(one.change.request_id ?? "")}
                    >
                      Show the request
                    </Anchor>
                  </>
                )}
              </Text>
            </div>
          </Group>
        ))}
      </Stack>
      {lost.length > SHOWN && (
        <Anchor component={Link} to={{ search: "?part=history" }} mt="sm" display="block">
          {lost.length - SHOWN} more in the history
        </Anchor>
      )}
    </Card>
  );
}

function Mark({ what }: { what: LostAccess["what"] }) {
  const Icon = MARKS[what];
  return (
    <ThemeIcon variant="light" color="orange" size={32} radius="xl" aria-hidden>
      <Icon size={17} stroke={1.8} />
    </ThemeIcon>
  );
}

function What({ lost: { what, group }, slug }: { lost: LostAccess; slug: string }) {
  if (what === "deleted") return "Deleted";
  if (what === "deactivated" || group === null) return "Deactivated";
  const link = (
    <Anchor component={Link} to={groupPlace(slug, group.id)} inherit underline="always">
      {group.name}
    </Anchor>
  );
  return what === "removed" ? <>Removed from {link}</> : <>Lost {link}, which was deleted</>;
}
