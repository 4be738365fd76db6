import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import type { Overview, Provider, RequestLogLimits, Switches } from "./types";

export const sourcesKey = ["sources"] as const;

/** Everything read of one source is kept below this key, so that its stream can refresh all. */
export const sourceKey = (slug: string, ...rest: unknown[]) => ["source", slug, ...rest] as const;

export interface SourcesQuery {
  q?: string;
  limit?: number;
  cursor?: string;
}

export const readSources = (query: SourcesQuery, signal?: AbortSignal) =>
  api.get("/api/v1/sources", { query: { ...query }, signal });

export function useSources(query: SourcesQuery = {}, enabled = true) {
  return useQuery({
    enabled,
    queryKey: [...sourcesKey, query],
    queryFn: ({ signal }) => readSources(query, signal),
    placeholderData: keepPreviousData,
    // The list of all sources has no stream of its own.
    refetchInterval: 15_000,
  });
}

export function useSource(slug: string, enabled = true) {
  return useQuery({
    enabled,
    queryKey: sourceKey(slug, "source"),
    queryFn: ({ signal }) => api.get("/api/v1/sources/{slug}", { path: { slug }, signal }),
  });
}

export function useOverview(slug: string) {
  return useQuery({
    queryKey: sourceKey(slug, "overview"),
    queryFn: ({ signal }) =>
      api.get("/api/v1/sources/{slug}/overview", { path: { slug }, signal }) as Promise<Overview>,
  });
}

/** The slug that the server would make of a name, and whether it is free. */
export function useSlugOfName(name: string) {
  return useQuery({
    queryKey: ["slug-of-name", name],
    queryFn: ({ signal }) => api.get("/api/v1/slugs", { query: { name }, signal }),
    enabled: name.trim() !== "",
    placeholderData: keepPreviousData,
    staleTime: 5_000,
  });
}

export function useSlugCheck(slug: string) {
  return useQuery({
    queryKey: ["slug", slug],
    queryFn: ({ signal }) => api.get("/api/v1/slugs/{slug}", { path: { slug }, signal }),
    enabled: slug.trim() !== "",
    placeholderData: keepPreviousData,
    staleTime: 5_000,
  });
}

export interface SourceDraft {
  name: string;
  slug?: string;
  provider: Provider;
  switches: Partial<Switches>;
}

export function useCreateSource() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: SourceDraft) => api.post("/api/v1/sources", { body }),
    onSuccess: () => client.invalidateQueries({ queryKey: sourcesKey }),
  });
}

export type SourceEdit = Partial<{
  name: string;
  slug: string;
  enabled: boolean;
  provider: Provider;
  switches: Partial<Switches>;
  request_log: Partial<RequestLogLimits>;
}>;

export function useEditSource(slug: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: SourceEdit) => api.patch("/api/v1/sources/{slug}", { path: { slug }, body }),
    onSuccess: (source) => {
      client.setQueryData(sourceKey(source.slug, "source"), source);
      void client.invalidateQueries({ queryKey: sourcesKey });
      void client.invalidateQueries({ queryKey: sourceKey(source.slug) });
    },
  });
}

export function useDeleteSource(slug: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (typedName: string) =>
      api.del("/api/v1/sources/{slug}", { path: { slug }, query: { confirm: typedName } }),
    onSuccess: () => client.invalidateQueries({ queryKey: sourcesKey }),
  });
}
