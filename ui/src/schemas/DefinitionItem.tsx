// A schema or a resource type in its list: a line that opens to all that there is of it.
import { Group, UnstyledButton } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import { type ReactNode, useId, useState } from "react";
import type { Origin } from "../api/types";
import { OriginBadge } from "./OriginBadge";
import classes from "./Schemas.module.css";

export interface DefinitionItemProps {
  name: string;
  /** Its URN or its endpoint. */
  address: string;
  origin: Origin;
  /** At the right: what it is used for, or how much there is of it. */
  use: ReactNode;
  children: ReactNode;
}

export function DefinitionItem({ name, address, origin, use, children }: DefinitionItemProps) {
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <li className={classes.item}>
      <h3 className={classes.head}>
        <UnstyledButton
          className={classes.button}
          aria-expanded={open}
          aria-controls={open ? id : undefined}
          onClick={() => setOpen(!open)}
        >
          <span className={classes.titles}>
            <Group component="span" gap="xs">
              <span className={classes.title}>{name}</span>
              <OriginBadge origin={origin} />
            </Group>
            <span className={classes.urn}>{address}</span>
          </span>
          <span className={classes.use}>{use}</span>
          <IconChevronRight
            size={18}
            aria-hidden
            className={classes.chevron}
            data-open={open || undefined}
          />
        </UnstyledButton>
      </h3>
      {open && (
        <div id={id} className={classes.details}>
          {children}
        </div>
      )}
    </li>
  );
}
