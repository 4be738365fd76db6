// The parts of one page, kept in the address as ?part=…: the first needs no mention there.
//
//   const part = usePart(PARTS);
//   <PartLinks label="Parts of Ada" parts={PARTS} current={part} />
import { Link, useSearchParams } from "react-router";
import { useCurrentInSight } from "./current-in-sight";
import classes from "./Tabs.module.css";

export interface Part<Key extends string> {
  key: Key;
  name: string;
}

export function usePart<Key extends string>(parts: readonly Part<Key>[]): Key | undefined {
  const [params] = useSearchParams();
  const asked = params.get("part");
  return (parts.find(({ key }) => key === asked) ?? parts[0])?.key;
}

export interface PartLinksProps<Key extends string> {
  label: string;
  parts: readonly Part<Key>[];
  current: Key | undefined;
}

export function PartLinks<Key extends string>({ label, parts, current }: PartLinksProps<Key>) {
  const tabs = useCurrentInSight(`${current} of ${parts.map(({ name }) => name).join(", ")}`);
  return (
    <nav ref={tabs} aria-label={label} data-keeps-focus className={classes.tabs}>
      {parts.map(({ key, name }, index) => (
        <Link
          key={key}
          to={{ search: index === 0 ? "" : `?part=${key}` }}
          className={classes.tab}
          aria-current={key === current ? "page" : undefined}
          preventScrollReset
        >
          {name}
        </Link>
      ))}
    </nav>
  );
}
