// Tabs that don't fit beside each other scroll; the current one is brought into sight.
//
//   const tabs = useCurrentInSight(pathname);
//   <nav ref={tabs}>…</nav>
import { useEffect, useRef } from "react";

/** `changes` tells when to look again: another tab is the current one, or has another name. */
export function useCurrentInSight(changes: string) {
  const tabs = useRef<HTMLElement>(null);
  useEffect(() => {
    const link = tabs.current?.querySelector("[aria-current=page]");
    if (!tabs.current || !link) return;
    const frame = tabs.current.getBoundingClientRect();
    const place = link.getBoundingClientRect();
    const middle = (box: DOMRect) => box.left + box.width / 2;
    tabs.current.scrollLeft += middle(place) - middle(frame);
  }, [changes]);
  return tabs;
}
