import type { UnknownAttribute } from "../api/types";
import { extensionName } from "../journal/attribute-names";
import { partsOfPath } from "./attribute-rows";

export interface UnknownExtension {
  resource_type: string;
  urn: string;
  /** The telling part of the URN. */
  name: string;
  count: number;
}

/** Extensions of which several attributes were sent, all of which can be added at once. */
export function extensionsOf(unknown: readonly UnknownAttribute[]): UnknownExtension[] {
  const found = new Map<string, Omit<UnknownExtension, "name"> & { whole: boolean }>();
  for (const { resource_type, path, adoptable } of unknown) {
    const { urn } = partsOfPath(path);
    if (urn === null) continue;
    const key = `${resource_type} ${urn.toLowerCase()}`;
    const one = found.get(key) ?? { resource_type, urn, count: 0, whole: true };
    found.set(key, { ...one, count: one.count + 1, whole: one.whole && adoptable });
  }
  return [...found.values()]
    .filter(({ count, whole }) => count > 1 && whole)
    .map(({ resource_type, urn, count }) => ({
      resource_type,
      urn,
      name: extensionName(urn) ?? urn,
      count,
    }));
}
