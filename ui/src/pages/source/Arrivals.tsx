import { Anchor, Card, Group, Skeleton, Text, Title, VisuallyHidden } from "@mantine/core";
import { IconAntennaBars5, IconCircleCheckFilled, IconCircleDashed } from "@tabler/icons-react";
import { Link } from "react-router";
import type { Checklist } from "../../api/types";
import { Moment } from "../../components/Moment";
import classes from "./Arrivals.module.css";
import { arrivals, firstMissing } from "./arrival-steps";

interface ArrivalsProps {
  checklist: Checklist | undefined;
  slug: string;
  live: boolean;
}

/** The checklist that ticks itself as things arrive. */
export function Arrivals({ checklist, slug, live }: ArrivalsProps) {
  const next = checklist && firstMissing(checklist);
  const done = checklist ? arrivals.filter(({ name }) => checklist[name] !== null).length : 0;
  return (
    <Card>
      <Group justify="space-between" mb="sm" wrap="nowrap">
        <Title order={2}>What has arrived</Title>
        <Text span size="sm" c="dimmed">
          {done} of {arrivals.length}
        </Text>
      </Group>
      {checklist ? (
        <ol className={classes.list}>
          {arrivals.map(({ name, title, hint, tab }) => {
            const at = checklist[name];
            return (
              <li key={name} className={classes.item} data-done={at !== null || undefined}>
                {at === null ? (
                  <IconCircleDashed size={22} aria-hidden className={classes.open} />
                ) : (
                  <IconCircleCheckFilled size={22} aria-hidden className={classes.tick} />
                )}
                <div>
                  <Text fw={next === name || at !== null ? 600 : 400} size="sm">
                    <VisuallyHidden>{at === null ? "Not yet: " : "Done: "}</VisuallyHidden>
                    {at !== null && tab ? (
                      <Anchor component={Link} to={`/directory/sources/${slug}/${tab}`} inherit>
                        {title}
                      </Anchor>
                    ) : (
                      title
                    )}
                  </Text>
                  {at !== null ? (
                    <Text size="xs" c="dimmed">
                      <Moment at={at} />
                    </Text>
                  ) : (
                    next === name && (
                      <Text size="xs" c="dimmed">
                        {hint}
                      </Text>
                    )
                  )}
                </div>
              </li>
            );
          })}
        </ol>
      ) : (
        <Skeleton h={220} />
      )}
      <Group gap={6} mt="md" c="dimmed" wrap="nowrap">
        <IconAntennaBars5 size={16} aria-hidden />
        <Text size="xs">
          {live ? "Live: no need to reload." : "Looks again every ten seconds."}
        </Text>
      </Group>
      {/* Each tick is worth saying aloud, too. */}
      <VisuallyHidden role="status">
        {checklist && done > 0 && `${done} of ${arrivals.length} have arrived`}
      </VisuallyHidden>
    </Card>
  );
}
