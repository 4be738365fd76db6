import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import { shownOnce } from "./shown-once";
import { sourceKey } from "./sources";

export const readTokens = (slug: string, cursor?: string, signal?: AbortSignal) =>
  api.get("/api/v1/sources/{slug}/tokens", {
    path: { slug },
    query: { limit: 1000, cursor },
    signal,
  });

export function useTokens(slug: string) {
  return useQuery({
    queryKey: sourceKey(slug, "tokens"),
    queryFn: ({ signal }) => readTokens(slug, undefined, signal),
  });
}

function useRefresh(slug: string) {
  const client = useQueryClient();
  return () => void client.invalidateQueries({ queryKey: sourceKey(slug) });
}

export function useMakeToken(slug: string) {
  const refresh = useRefresh(slug);
  return useMutation({
    mutationFn: async (expires: string | null) => {
      const made = await api.post("/api/v1/sources/{slug}/tokens", {
        path: { slug },
        body: expires === null ? {} : { expires },
      });
      return { ...made, secret: shownOnce(made.secret) };
    },
    onSuccess: refresh,
  });
}

/** Reads the secret of a token that hasn't been used yet. The server journals each reading. */
export function useCopyToken(slug: string) {
  const refresh = useRefresh(slug);
  return useMutation({
    mutationFn: (id: string) =>
      api.post("/api/v1/sources/{slug}/tokens/{id}/copy", { path: { slug, id } }),
    onSettled: refresh,
  });
}

export function useRevokeToken(slug: string) {
  const refresh = useRefresh(slug);
  return useMutation({
    mutationFn: (id: string) =>
      api.del("/api/v1/sources/{slug}/tokens/{id}", { path: { slug, id } }),
    onSuccess: refresh,
  });
}
