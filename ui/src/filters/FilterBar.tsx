// The line above a list: search and filters at the left, what one can do with the list at the right.
import { Button, Group } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import type { ReactNode } from "react";
import classes from "./FilterBar.module.css";

export interface FilterBarProps {
  children: ReactNode;
  actions?: ReactNode;
  /** Given when any filter is set. */
  onClear?: () => void;
}

export function FilterBar({ children, actions, onClear }: FilterBarProps) {
  return (
    <div className={classes.bar}>
      <div className={classes.filters} role="group" aria-label="Filters">
        {children}
        {onClear && (
          <Button
            variant="subtle"
            color="gray"
            leftSection={<IconX size={16} aria-hidden />}
            onClick={onClear}
          >
            Clear filters
          </Button>
        )}
      </div>
      {actions && (
        <Group gap="xs" className={classes.actions}>
          {actions}
        </Group>
      )}
    </div>
  );
}
