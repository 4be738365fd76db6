import { useQuery } from "@tanstack/react-query";
import type { Provider } from "../api/types";
import type { Guide } from "./format";

const files = import.meta.glob<{ default: unknown }>("../../../guides/*.json");

/** The guide for connecting a provider; its text is fetched when first needed. */
export function useGuide(provider: Provider) {
  return useQuery({
    queryKey: ["guide", provider],
    queryFn: async () => {
      const load = files[`../../../guides/${provider}.json`] ?? files["../../../guides/other.json"];
      if (!load) throw new Error("There is no guide for this provider.");
      return (await load()).default as Guide;
    },
    staleTime: Infinity,
  });
}
