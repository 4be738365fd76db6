// Old and new values of a change, attribute by attribute.
import { attributeName, isExtension } from "./attribute-names";
import { isComplex, isOneThing, isUnassigned, valueLines } from "./attribute-values";

export interface Difference {
  /** Names from the top of the resource down to the attribute. */
  path: string[];
  name: string;
  /** One line per value that is gone or was replaced. */
  before: string[];
  /** One line per value that is new. */
  after: string[];
  /** How many values of a multi-valued attribute stayed as they were. */
  unchanged: number;
}

type Resource = Record<string, unknown> | null;

/** What the server itself maintains; telling it would hide what the client did. */
const MAINTAINED = new Set(["schemas", "meta", "id", "groups", "members"]);

export function differences(before: Resource, after: Resource): Difference[] {
  return compare([], before ?? {}, after ?? {});
}

function compare(
  path: string[],
  before: Record<string, unknown>,
  after: Record<string, unknown>,
): Difference[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names
    .filter((name) => path.length > 0 || !MAINTAINED.has(name))
    .flatMap((name) => compareAttribute([...path, name], before[name], after[name]));
}

function compareAttribute(path: string[], before: unknown, after: unknown): Difference[] {
  if (opensUp(before) && opensUp(after) && (isComplex(before) || isComplex(after))) {
    return compare(path, isComplex(before) ? before : {}, isComplex(after) ? after : {});
  }
  const old = valueLines(before);
  const now = valueLines(after);
  const kept = inBoth(old, now);
  const gone = without(old, kept);
  const added = without(now, kept);
  if (gone.length === 0 && added.length === 0) return [];
  return [{ path, name: attributeName(path), before: gone, after: added, unchanged: kept.length }];
}

/** Whether the sub-attributes of a value are told one by one. */
function opensUp(value: unknown): boolean {
  return isUnassigned(value) || (isComplex(value) && !isOneThing(value));
}

function inBoth(old: string[], now: string[]): string[] {
  const left = [...now];
  return old.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}

function without(lines: string[], taken: string[]): string[] {
  const left = [...taken];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** The attributes that a change is about, in words: ["title", "department"]. */
export function changedNames(before: Resource, after: Resource): string[] {
  const names = differences(before, after).map(({ path, name }) =>
    // In a sentence the attribute is enough; which part of it shows on expanding.
    path.length > 1 && !path.some(isExtension) && path[0] !== "name"
      ? attributeName(path.slice(0, 1))
      : name,
  );
  return [...new Set(names)];
}
