// What a user's history says about why they lack access: deactivated, deleted, or removed from a group.
import type { Change } from "../api/types";
import { actorName } from "../journal/sentences";

export interface LostAccess {
  what: "deleted" | "deactivated" | "removed" | "group_deleted";
  /** The group that was lost; null when the account itself was. */
  group: { id: string; name: string } | null;
  by: string;
  change: Change;
}

/**
 * Newest first. What was given back later is not told: a group joined again, an account
 * activated again.
 */
export function lostAccess(userId: string, history: Change[]): LostAccess[] {
  const lost: LostAccess[] = [];
  const settledGroups = new Set<string>();
  let accountSettled = false;

  for (const change of [...history].sort((one, other) => other.sequence - one.sequence)) {
    const by = actorName(change);
    if (change.resource.type === "Group") {
      const group = { id: change.resource.id, name: change.resource.display ?? change.resource.id };
      if (settledGroups.has(group.id)) continue;
      const removed = change.members_removed.some((member) => member.id === userId);
      const added = change.members_added.some((member) => member.id === userId);
      if (removed || added) settledGroups.add(group.id);
      if (removed && !added) {
        lost.push({
          what: change.kind === "delete" ? "group_deleted" : "removed",
          group,
          by,
          change,
        });
      }
    } else if (change.resource.id === userId && !accountSettled) {
      if (change.kind === "delete") lost.push({ what: "deleted", group: null, by, change });
      else if (change.after?.active === false && change.kind !== "create")
        lost.push({ what: "deactivated", group: null, by, change });
      else if (change.after?.active !== true && change.kind !== "create") continue;
      accountSettled = true;
    }
  }
  return withoutSideEffects(lost);
}

/** Whoever is deleted leaves all groups too; told once is enough. */
function withoutSideEffects(lost: LostAccess[]): LostAccess[] {
  const deletion = lost.find(({ what }) => what === "deleted")?.change.request_id ?? null;
  return lost.filter(
    ({ what, change }) => what === "deleted" || deletion === null || change.request_id !== deletion,
  );
}

export function lostAccessText({ what, group, by }: LostAccess): string {
  switch (what) {
    case "deleted":
      return `Deleted by ${by}`;
    case "deactivated":
      return `Deactivated by ${by}`;
    case "group_deleted":
      return `Lost ${group?.name ?? "a group"}, which ${by} deleted`;
    case "removed":
      return `Removed from ${group?.name ?? "a group"} by ${by}`;
  }
}
