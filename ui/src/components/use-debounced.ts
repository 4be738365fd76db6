import { useEffect, useState } from "react";

/** The value as it was when it last stood still for a moment. */
export function useDebounced<T>(value: T, pauseMs = 250): T {
  const [still, setStill] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setStill(value), pauseMs);
    return () => clearTimeout(timer);
  }, [value, pauseMs]);
  return still;
}
