// The shape of guides/*.json, as guides/README.md lays it down.
import type { Provider } from "../api/types";

/** The switches in which providers differ. */
export type ProviderSwitch = "unique_group_names" | "log_bodies";

/** What the wizard and the lists need of a provider; see vite.providers.ts. */
export interface ProviderCard {
  provider: Provider;
  name: string;
  product: string;
  order: number;
  mark: { text: string; color: string };
  switches: Record<ProviderSwitch, { default: boolean; why: string }>;
}

export interface GuideField {
  label: string;
  value: string;
  kind: "base_url" | "token" | "text";
  note?: string;
}

export interface GuideStep {
  title: string;
  text: string[];
  fields?: GuideField[];
  expect?: string;
}

export interface Guide extends ProviderCard {
  summary: string;
  before: string[];
  steps: GuideStep[];
  sends: string[];
  remove: string[];
  trouble: { symptom: string; cause: string; remedy: string }[];
  sources: { title: string; url?: string; read: string }[];
}
