/** "1 attribute", "1,204 resources". */
export const counted = (count: number, noun: string) =>
  `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

/** "User", "User and Group", "User, Group and Device". */
export function listOf(names: readonly string[]): string {
  const last = names.at(-1);
  if (last === undefined) return "";
  const others = names.slice(0, -1);
  return others.length === 0 ? last : `${others.join(", ")} and ${last}`;
}
