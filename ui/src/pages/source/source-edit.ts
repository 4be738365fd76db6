import type { SourceEdit } from "../../api/sources";
import type { Provider, Source, Switches } from "../../api/types";

export interface SourceValues {
  name: string;
  slug: string;
  provider: Provider;
  switches: Switches;
  /** Empty while the reader types. */
  days: number | string;
  megabytes: number | string;
}

export function valuesOf(source: Source): SourceValues {
  const { name, slug, provider, switches, request_log } = source;
  return {
    name,
    slug,
    provider,
    switches: { ...switches, hidden_from_schemas: [...switches.hidden_from_schemas] },
    days: request_log.days,
    megabytes: request_log.megabytes,
  };
}

/** What differs: two administrators at once then change only what each of them touched. */
export function editOf(source: Source, values: SourceValues): SourceEdit {
  const edit: SourceEdit = {};
  if (values.name.trim() !== source.name) edit.name = values.name.trim();
  if (values.slug !== source.slug) edit.slug = values.slug;
  if (values.provider !== source.provider) edit.provider = values.provider;
  const switches = differing(source.switches, values.switches);
  if (switches) edit.switches = switches;
  const log = differing(source.request_log, {
    days: Number(values.days),
    megabytes: Number(values.megabytes),
  });
  if (log) edit.request_log = log;
  return edit;
}

function differing<T extends object>(before: T, after: T): Partial<T> | null {
  const names = (Object.keys(after) as (keyof T)[]).filter(
    (name) => !isSame(before[name], after[name]),
  );
  if (names.length === 0) return null;
  return Object.fromEntries(names.map((name) => [name, after[name]])) as Partial<T>;
}

const isSame = (one: unknown, other: unknown) =>
  Array.isArray(one) && Array.isArray(other)
    ? one.length === other.length && one.every((item, index) => item === other[index])
    : one === other;
