import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import type { Paged } from "./directory";
import { shownOnce } from "./shown-once";
import type { Administrator, Role } from "./types";

const administratorsKey = ["administrators"] as const;

export const readAdministrators = (paged: Paged, signal?: AbortSignal) =>
  api.get("/api/v1/administrators", { query: { ...paged }, signal });

export function useAdministrators(paged: Paged) {
  return useQuery({
    queryKey: [...administratorsKey, paged],
    queryFn: ({ signal }) => readAdministrators(paged, signal),
    placeholderData: keepPreviousData,
  });
}

function useRefresh() {
  const client = useQueryClient();
  return () => {
    void client.invalidateQueries({ queryKey: administratorsKey });
    void client.invalidateQueries({ queryKey: ["acts"] });
  };
}

export interface Invitation {
  email: string;
  name: string;
  role: Role;
}

export function useInvite() {
  return useMutation({
    mutationFn: async (body: Invitation) => {
      const made = await api.post("/api/v1/administrators", { body });
      return { ...made, link: shownOnce(made.link) };
    },
    onSuccess: useRefresh(),
  });
}

export type AdministratorEdit = Partial<Pick<Administrator, "name" | "role" | "disabled">>;

export function useEditAdministrator() {
  return useMutation({
    mutationFn: ({ id, ...body }: AdministratorEdit & { id: string }) =>
      api.patch("/api/v1/administrators/{id}", { path: { id }, body }),
    onSuccess: useRefresh(),
  });
}

export function useResetPassword() {
  return useMutation({
    mutationFn: async (id: string) => {
      const made = await api.post("/api/v1/administrators/{id}/reset-password", { path: { id } });
      return { ...made, link: shownOnce(made.link) };
    },
    onSuccess: useRefresh(),
  });
}

export function useEndSessionsOf() {
  return useMutation({
    mutationFn: (id: string) => api.del("/api/v1/administrators/{id}/sessions", { path: { id } }),
    onSuccess: useRefresh(),
  });
}
