import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import type { Paged } from "./directory";
import { shownOnce } from "./shown-once";
import type { ApiToken, Role } from "./types";

const apiTokensKey = ["api-tokens"] as const;

export const readApiTokens = (paged: Paged, signal?: AbortSignal) =>
  api.get("/api/v1/api-tokens", { query: { ...paged }, signal });

export function useApiTokens(paged: Paged) {
  return useQuery({
    queryKey: [...apiTokensKey, paged],
    queryFn: ({ signal }) => readApiTokens(paged, signal),
    placeholderData: keepPreviousData,
  });
}

function useRefresh() {
  const client = useQueryClient();
  return () => {
    void client.invalidateQueries({ queryKey: apiTokensKey });
    void client.invalidateQueries({ queryKey: ["acts"] });
  };
}

export interface ApiTokenDraft {
  name: string;
  role: Role;
  expires?: string;
}

export function useMakeApiToken() {
  return useMutation({
    mutationFn: async (body: ApiTokenDraft) => {
      const made = await api.post("/api/v1/api-tokens", { body });
      return { ...made, secret: shownOnce(made.secret) };
    },
    onSuccess: useRefresh(),
  });
}

export function useRevokeApiToken() {
  return useMutation({
    mutationFn: (id: string) => api.del("/api/v1/api-tokens/{id}", { path: { id } }),
    onSuccess: useRefresh(),
  });
}

export type ApiTokenState = "active" | "expired" | "revoked";

export function stateOf(token: ApiToken, now = Date.now()): ApiTokenState {
  if (token.revoked !== null) return "revoked";
  return token.expires !== null && Date.parse(token.expires) <= now ? "expired" : "active";
}
