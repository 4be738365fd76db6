import { Navigate, useLocation } from "react-router";
import { useSessionState } from "../api/session";
import { ErrorState } from "../components/ErrorState";
import { Shell } from "./Shell";
import { Waiting } from "./Waiting";

/** Lets in who is signed in; sends everyone else to the sign-in page, and back afterwards. */
export function SignedIn() {
  const state = useSessionState();
  const { pathname, search } = useLocation();

  if (state.data?.signedIn) return <Shell />;
  if (state.data) {
    const here = pathname + search;
    const query = here === "/" ? "" : `?${new URLSearchParams({ return: here }).toString()}`;
    return <Navigate to={`/sign-in${query}`} replace />;
  }
  if (state.error) {
    return (
      <main>
        <ErrorState level={1} error={state.error} onRetry={() => void state.refetch()} />
      </main>
    );
  }
  return <Waiting />;
}
