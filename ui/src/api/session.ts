import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ApiError, api, rememberCsrfToken } from "./client";
import type { Administrator, Session } from "./types";

/** Who is signed in; `setupNeeded` while the server has no administrator yet. */
export type SessionState =
  { signedIn: true; session: Session } | { signedIn: false; setupNeeded: boolean };

export const sessionKey = ["session"] as const;

export const signedOut: SessionState = { signedIn: false, setupNeeded: false };

async function readSession(): Promise<SessionState> {
  try {
    const session = await api.get("/api/v1/session");
    rememberCsrfToken(session.csrf_token);
    return { signedIn: true, session };
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      rememberCsrfToken(null);
      return { signedIn: false, setupNeeded: error.problem.setup_needed === true };
    }
    throw error;
  }
}

export function useSessionState() {
  return useQuery({ queryKey: sessionKey, queryFn: readSession, staleTime: 5 * 60_000 });
}

/** The administrator who is signed in; only for pages inside the shell. */
export function useAdministrator(): Administrator {
  const { data } = useSessionState();
  if (!data?.signedIn) throw new Error("a page of the shell was shown without a session");
  return data.session.administrator;
}

/** Auditors see all and change nothing. */
export function useCanChange(): boolean {
  const { data } = useSessionState();
  return data?.signedIn === true && data.session.administrator.role === "administrator";
}

/** Said beside each control that an auditor finds disabled. */
export const AUDITOR_REASON =
  "You are signed in as an auditor: you can see all, and change nothing.";

function useBeginSession() {
  const client = useQueryClient();
  return (session: Session) => {
    rememberCsrfToken(session.csrf_token);
    const state: SessionState = { signedIn: true, session };
    client.setQueryData(sessionKey, state);
  };
}

function useEndSession() {
  const client = useQueryClient();
  return () => {
    rememberCsrfToken(null);
    client.setQueryData(sessionKey, signedOut);
    // What the last reader saw must not be there for the next.
    client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== sessionKey[0] });
  };
}

export function useSignIn() {
  const begin = useBeginSession();
  return useMutation({
    mutationFn: (body: { email: string; password: string }) =>
      api.post("/api/v1/session", { body }),
    onSuccess: begin,
  });
}

export function useSignOut() {
  const end = useEndSession();
  return useMutation({
    mutationFn: (where: "here" | "everywhere") =>
      api.del(where === "here" ? "/api/v1/session" : "/api/v1/sessions"),
    onSuccess: end,
  });
}

export const readSessions = (cursor?: string, signal?: AbortSignal) =>
  api.get("/api/v1/sessions", { query: { limit: 1000, cursor }, signal });

export function useSessions() {
  return useQuery({
    queryKey: ["sessions"],
    queryFn: ({ signal }) => readSessions(undefined, signal),
  });
}

export function useChangePassword() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { current_password: string; new_password: string }) =>
      api.put("/api/v1/session/password", { body }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["sessions"] }),
  });
}

/** What a one-time link is for. Never kept: the secret is part of the question. */
export function checkLink(secret: string, signal?: AbortSignal) {
  return api.post("/api/v1/links/check", { body: { secret }, signal });
}

export interface LinkUse {
  secret: string;
  password: string;
  email?: string;
  name?: string;
}

export function useLink() {
  const begin = useBeginSession();
  return useMutation({
    mutationFn: (body: LinkUse) => api.post("/api/v1/links/use", { body }),
    onSuccess: begin,
  });
}
