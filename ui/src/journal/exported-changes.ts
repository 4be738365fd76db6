import type { Change } from "../api/types";
import type { ExportMenuProps } from "../components/ExportMenu";
import { actorName, sentenceText } from "./sentences";

export const EXPORTED_CHANGES: ExportMenuProps<Change>["columns"] = [
  { header: "source", value: (change) => change.source?.slug },
  { header: "sequence", value: (change) => change.sequence },
  { header: "at", value: (change) => change.at },
  { header: "what", value: (change) => sentenceText(change) },
  { header: "kind", value: (change) => change.kind },
  { header: "type", value: (change) => change.resource.type },
  { header: "id", value: (change) => change.resource.id },
  { header: "display", value: (change) => change.resource.display },
  { header: "actor_kind", value: (change) => change.actor.kind },
  { header: "actor", value: (change) => actorName(change) },
  { header: "request_id", value: (change) => change.request_id },
  { header: "before", value: (change) => change.before && JSON.stringify(change.before) },
  { header: "after", value: (change) => change.after && JSON.stringify(change.after) },
  { header: "members_added", value: (change) => change.members_added_count },
  { header: "members_removed", value: (change) => change.members_removed_count },
];
