import type { Checklist } from "../../api/types";

interface Arrival {
  name: keyof Checklist;
  title: string;
  /** What makes it happen; shown for the next one. */
  hint: string;
  /** The tab that shows it once it is there. */
  tab?: "users" | "groups" | "activity";
}

export const arrivals: Arrival[] = [
  {
    name: "token_seen",
    title: "Token seen",
    hint: "Paste URL and token into the identity provider, and save.",
    tab: "activity",
  },
  {
    name: "first_probe",
    title: "First probe answered",
    hint: "Test the connection at the identity provider.",
    tab: "activity",
  },
  {
    name: "first_user",
    title: "First user created",
    hint: "Assign somebody to the application there.",
    tab: "users",
  },
  {
    name: "first_group_with_members",
    title: "First group with members",
    hint: "Assign or push a group. Skip this if you send none.",
    tab: "groups",
  },
  {
    name: "first_deactivation",
    title: "First deactivation",
    hint: "Remove somebody from the application, to see that access ends.",
    tab: "activity",
  },
];

/** The next thing to wait for; undefined once all has arrived. */
export function firstMissing(checklist: Checklist): keyof Checklist | undefined {
  return arrivals.find(({ name }) => checklist[name] === null)?.name;
}

/** Connected as far as every source gets: groups and leavers are for some never due. */
export function isConnected(checklist: Checklist): boolean {
  return checklist.token_seen !== null && checklist.first_user !== null;
}
