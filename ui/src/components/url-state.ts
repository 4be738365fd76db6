// Filters and sorting that live in the address, so that they survive reload, back and sharing.
//
//   const [filters, setFilters] = useUrlState({ q: "", active: "", sort: "user_name", order: "asc" });
//   setFilters({ active: "true" });   // the others stay; a value equal to its default leaves no trace
//
// Setting one returns a list to its first page, see Pager.
import { useCallback, useMemo, useState } from "react";
import { useSearchParams } from "react-router";

export function useUrlState<T extends Record<string, string>>(defaults: T) {
  const [fixed] = useState(defaults);
  const [params, setParams] = useSearchParams();

  const state = useMemo(() => {
    const read = { ...fixed };
    for (const name of Object.keys(fixed) as (keyof T & string)[]) {
      const value = params.get(name);
      if (value !== null) read[name] = value as T[typeof name];
    }
    return read;
  }, [fixed, params]);

  const set = useCallback(
    (edit: Partial<T>) => {
      setParams(
        (current) => {
          const next = new URLSearchParams(current);
          for (const [name, value] of Object.entries(edit) as [string, string][]) {
            if (value === fixed[name] || value === undefined) next.delete(name);
            else next.set(name, value);
          }
          return next;
        },
        {
          // Each keystroke a step back would make the back button useless.
          replace: true,
          // A field must hold what was typed or chosen at once, not after the list is drawn anew.
          flushSync: true,
        },
      );
    },
    [fixed, setParams],
  );

  return [state, set] as const;
}
