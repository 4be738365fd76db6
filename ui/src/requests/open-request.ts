import { useLocation, useNavigate } from "react-router";
import type { RequestPointer } from "../api/requests";

const PARAMETER = "request";

/**
 * The request whose drawer is open, kept in the address so that it can be shared and the back
 * button closes it. The list below stays on the page that it shows.
 */
export function useOpenRequest() {
  const location = useLocation();
  const navigate = useNavigate();
  const value = new URLSearchParams(location.search).get(PARAMETER);

  const go = (to: string | null) => {
    const params = new URLSearchParams(location.search);
    if (to === null) params.delete(PARAMETER);
    else params.set(PARAMETER, to);
    void navigate(
      { pathname: location.pathname, search: params.toString() },
      { state: location.state as unknown, preventScrollReset: true, replace: to === null },
    );
  };
  return {
    pointer: pointerOf(value),
    open: (request: string | number) => go(String(request)),
    close: () => go(null),
  };
}

function pointerOf(value: string | null): RequestPointer | null {
  if (value === null || value === "") return null;
  return /^\d+$/.test(value) ? { sequence: Number(value) } : { id: value };
}
