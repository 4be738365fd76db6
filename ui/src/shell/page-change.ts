import { useEffect, useRef } from "react";
import { useLocation } from "react-router";

/**
 * Moves the focus to the content when another page opens, as a full page load would, so that
 * keyboard and screen reader start at its top. Controls that lead from page to page in place
 * (tabs, say) keep it by standing inside an element with `data-keeps-focus`.
 */
export function useFocusOnPageChange(onChange: () => void) {
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const shown = useRef(pathname);
  useEffect(() => {
    if (shown.current === pathname) return;
    shown.current = pathname;
    onChange();
    if (document.activeElement?.closest("[data-keeps-focus]")) return;
    main.current?.focus({ preventScroll: true });
  }, [pathname, onChange]);
  return main;
}
