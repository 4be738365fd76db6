import cards from "virtual:providers";
import type { Provider } from "../api/types";
import type { ProviderCard } from "./format";

/** The identity providers in the order of their tiles. */
export const providerCards: ProviderCard[] = cards;

const known = new Map(cards.map((card) => [card.provider, card]));

const unknown: ProviderCard = {
  provider: "other",
  name: "Any other SCIM 2.0 client",
  product: "the client",
  order: 99,
  mark: { text: "S", color: "#4f5f69" },
  switches: {
    unique_group_names: { default: false, why: "" },
    log_bodies: { default: true, why: "" },
  },
};

export function providerCard(provider: Provider): ProviderCard {
  return known.get(provider) ?? unknown;
}
