// Users, groups and memberships. Read only: the identity provider writes them.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { api } from "./client";
import { firstFilled } from "./pages";
import { sourceKey } from "./sources";
import type { Member, Page } from "./types";

export interface Paged {
  limit?: number;
  cursor?: string;
}

export interface UsersQuery extends Paged {
  source?: string;
  q?: string;
  active?: string;
  sort?: string;
  order?: string;
}

export type GroupsQuery = Omit<UsersQuery, "active">;

/** Lists of one source are refreshed by its stream; lists across sources have none. */
const listKey = (source: string | undefined, ...rest: unknown[]) =>
  source === undefined ? (["directory", ...rest] as const) : sourceKey(source, ...rest);

/** A stream that begins a reading anew would never let a long one come to its end. */
const list = <Query extends UsersQuery, Row>(
  query: Query,
  read: (query: Query) => Promise<Page<Row>>,
) => (query.source === undefined ? firstFilled(query, read) : read(query));

export const readUsers = (query: UsersQuery, signal?: AbortSignal) =>
  api.get("/api/v1/users", { query: { ...query }, signal });

export function useUsers(query: UsersQuery, enabled = true) {
  return useQuery({
    enabled,
    queryKey: listKey(query.source, "users", query),
    queryFn: ({ signal }) => list(query, (query) => readUsers(query, signal)),
    placeholderData: keepPreviousData,
  });
}

export const readGroups = (query: GroupsQuery, signal?: AbortSignal) =>
  api.get("/api/v1/groups", { query: { ...query }, signal });

export function useGroups(query: GroupsQuery, enabled = true) {
  return useQuery({
    enabled,
    queryKey: listKey(query.source, "groups", query),
    queryFn: ({ signal }) => list(query, (query) => readGroups(query, signal)),
    placeholderData: keepPreviousData,
  });
}

export function useUser(slug: string, id: string, enabled = true) {
  return useQuery({
    enabled,
    queryKey: sourceKey(slug, "user", id),
    queryFn: ({ signal }) =>
      api.get("/api/v1/sources/{slug}/users/{id}", { path: { slug, id }, signal }),
  });
}

export const readGroupsOfUser = (slug: string, id: string, paged: Paged, signal?: AbortSignal) =>
  api.get("/api/v1/sources/{slug}/users/{id}/groups", {
    path: { slug, id },
    query: { ...paged },
    signal,
  });

export function useGroup(slug: string, id: string, enabled = true) {
  return useQuery({
    enabled,
    queryKey: sourceKey(slug, "group", id),
    queryFn: ({ signal }) =>
      api.get("/api/v1/sources/{slug}/groups/{id}", { path: { slug, id }, signal }),
  });
}

export interface MembersQuery extends Paged {
  q?: string;
}

export const readMembers = (slug: string, id: string, query: MembersQuery, signal?: AbortSignal) =>
  api.get("/api/v1/sources/{slug}/groups/{id}/members", {
    path: { slug, id },
    query: { ...query },
    signal,
  }) as Promise<Page<Member>>;

export function useMembers(slug: string, id: string, query: MembersQuery) {
  return useQuery({
    queryKey: sourceKey(slug, "group", id, "members", query),
    queryFn: ({ signal }) => readMembers(slug, id, query, signal),
    placeholderData: keepPreviousData,
  });
}
