import { expect, it } from "vitest";
import type { Source } from "../../api/types";
import { editOf, valuesOf } from "./source-edit";

const source: Source = {
  slug: "contoso",
  name: "Contoso",
  provider: "entra",
  enabled: true,
  base_url: "https://id.example.com/source/scim/contoso/v2",
  created: "2026-11-25T10:00:00.000Z",
  switches: {
    unique_group_names: true,
    log_bodies: true,
    profile: "rfc",
    keep_passwords: false,
    hidden_from_schemas: ["password"],
  },
  request_log: { days: 30, megabytes: 500 },
  status: {
    light: "ok",
    reason: "All is well.",
    users: 1,
    groups: 0,
    last_request: null,
    requests_last_day: 0,
    errors_last_day: 0,
  },
};

it("sends nothing when nothing was touched", () => {
  expect(editOf(source, valuesOf(source))).toEqual({});
});

it("sends only what differs", () => {
  const values = valuesOf(source);
  expect(
    editOf(source, {
      ...values,
      name: " Contoso EU ",
      switches: { ...values.switches, log_bodies: false },
      days: 7,
    }),
  ).toEqual({ name: "Contoso EU", switches: { log_bodies: false }, request_log: { days: 7 } });
});

it("sends a list whole, when something in it differs", () => {
  const values = valuesOf(source);
  const hidden = (hidden_from_schemas: string[]) =>
    editOf(source, { ...values, switches: { ...values.switches, hidden_from_schemas } });
  expect(hidden(["password"])).toEqual({});
  expect(hidden(["password", "emails.display"])).toEqual({
    switches: { hidden_from_schemas: ["password", "emails.display"] },
  });
  expect(hidden([])).toEqual({ switches: { hidden_from_schemas: [] } });
});
