// The request log of a source.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type Timed, withMoments } from "../filters/time-spans";
import { api } from "./client";
import type { Paged } from "./directory";
import { sourceKey } from "./sources";
import type { Page, RequestDetail, RequestSummary } from "./types";

export interface RequestsQuery extends Paged, Timed {
  user?: string;
  group?: string;
  /** "2xx", "4xx", "5xx", "error", or one code. */
  status?: string;
  operation?: string;
  writes?: string;
  q?: string;
}

export const readRequests = (slug: string, query: RequestsQuery, signal?: AbortSignal) =>
  api.get("/api/v1/sources/{slug}/requests", {
    path: { slug },
    query: withMoments(query),
    signal,
  }) as Promise<Page<RequestSummary>>;

export function useRequests(slug: string, query: RequestsQuery) {
  return useQuery({
    queryKey: sourceKey(slug, "requests", query),
    queryFn: ({ signal }) => readRequests(slug, query, signal),
    placeholderData: keepPreviousData,
  });
}

/** A request by its place in the log, or by the id that a change names. */
export type RequestPointer = { sequence: number } | { id: string };

export function useRequest(slug: string, pointer: RequestPointer | null) {
  return useQuery({
    // Not below the source's key: what was answered once stays as it is.
    queryKey: ["request", slug, pointer],
    queryFn: ({ signal }) =>
      pointer !== null && "sequence" in pointer
        ? (api.get("/api/v1/sources/{slug}/requests/{sequence}", {
            path: { slug, sequence: pointer.sequence },
            signal,
          }) as Promise<RequestDetail>)
        : (api.get("/api/v1/sources/{slug}/requests/by-id/{id}", {
            path: { slug, id: pointer?.id ?? "" },
            signal,
          }) as Promise<RequestDetail>),
    enabled: pointer !== null,
    staleTime: Infinity,
  });
}

export const readUnmatchedRequests = (paged: Paged, signal?: AbortSignal) =>
  api.get("/api/v1/unmatched-requests", { query: { ...paged }, signal }) as Promise<
    Page<RequestSummary>
  >;

export function useUnmatchedRequests(paged: Paged) {
  return useQuery({
    queryKey: ["unmatched-requests", paged],
    queryFn: ({ signal }) => readUnmatchedRequests(paged, signal),
    placeholderData: keepPreviousData,
    refetchInterval: 15_000,
  });
}
