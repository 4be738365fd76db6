import { Button } from "@mantine/core";
import { IconCompassOff } from "@tabler/icons-react";
import { Link } from "react-router";
import { EmptyState } from "../components/EmptyState";

export function NotFoundPage() {
  return (
    <>
      <title>No such page · Headwater</title>
      <EmptyState
        icon={IconCompassOff}
        level={1}
        title="There is no page at this address"
        action={
          <Button component={Link} to="/directory/sources">
            To the sources
          </Button>
        }
      >
        The link may be old, or a letter of it got lost on the way.
      </EmptyState>
    </>
  );
}
