import type { Settings } from "../../api/types";

/** As the fields hold it: a number field that was emptied holds a text. */
export type SettingsForm = { [Name in keyof Settings]: Settings[Name] | string };

const whole = (least: number, most: number, message: string) => (value: number | string) =>
  Number.isInteger(value) && Number(value) >= least && Number(value) <= most ? null : message;

export const validate = {
  organization_name: (name: string) => (name.trim() === "" ? "Enter a name." : null),
  session_hours: whole(1, 720, "Enter 1 to 720 hours."),
  default_request_log_days: whole(1, 3650, "Enter 1 to 3,650 days."),
  default_request_log_megabytes: whole(1, 1_000_000, "Enter 1 MB or more."),
};

/** Only what differs is sent, so that two administrators don't undo each other's work. */
export function changedSettings(saved: Settings, form: SettingsForm): Partial<Settings> {
  const names = Object.keys(saved) as (keyof Settings)[];
  return Object.fromEntries(
    names
      .filter((name) => name in validate && form[name] !== saved[name])
      .map((name) => [name, form[name]]),
  );
}
