// The journal: of a source, and of the administrators' own acts.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type Timed, withMoments } from "../filters/time-spans";
import { api } from "./client";
import type { Paged } from "./directory";
import { sourceKey } from "./sources";
import type { Change, Page } from "./types";

export interface ChangesQuery extends Paged, Timed {
  /** The id of a user or group; with a user's, changes of their memberships are in it too. */
  resource?: string;
  type?: string;
  kind?: string;
}

export const readChanges = (slug: string, query: ChangesQuery, signal?: AbortSignal) =>
  api.get("/api/v1/sources/{slug}/changes", {
    path: { slug },
    query: withMoments(query),
    signal,
  }) as Promise<Page<Change>>;

export function useChanges(slug: string, query: ChangesQuery) {
  return useQuery({
    queryKey: sourceKey(slug, "changes", query),
    queryFn: ({ signal }) => readChanges(slug, query, signal),
    placeholderData: keepPreviousData,
  });
}

export interface ActsQuery extends Omit<ChangesQuery, "resource"> {
  source?: string;
}

export const readActs = (query: ActsQuery, signal?: AbortSignal) =>
  api.get("/api/v1/changes", { query: withMoments(query), signal }) as Promise<Page<Change>>;

export function useActs(query: ActsQuery) {
  return useQuery({
    queryKey: ["acts", query],
    queryFn: ({ signal }) => readActs(query, signal),
    placeholderData: keepPreviousData,
  });
}
