// Chooses one source by typing a part of its name or slug.
import { Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";
import { useSource, useSources } from "../api/sources";

export interface SourceFilterProps {
  /** A slug; empty for all sources. */
  value: string;
  onChange: (slug: string) => void;
}

/** So few that the list needs little scrolling; whoever types finds the others. */
const SHOWN = 20;

export function SourceFilter({ value, onChange }: SourceFilterProps) {
  const [typed, setTyped] = useState("");
  const [open, setOpen] = useState(false);
  const [q] = useDebouncedValue(typed, 200);
  const chosen = useChosen(value);
  // Choosing fills the field with the chosen name, which is nothing to search for.
  const asked = q === chosen?.label ? "" : q;
  const { data } = useSources({ q: asked, limit: SHOWN }, open);
  const sources = (data?.items ?? []).map(({ slug, name }) => ({ value: slug, label: name }));
  const listed = chosen === null || sources.some((source) => source.value === chosen.value);
  return (
    <Select
      aria-label="Source"
      placeholder="All sources"
      w={{ base: "100%", sm: 200 }}
      comboboxProps={{ width: 280, position: "bottom-start", withinPortal: false }}
      searchable
      clearable
      allowDeselect={false}
      value={value === "" ? null : value}
      data={listed || asked !== "" ? sources : [chosen, ...sources]}
      // The server has searched already.
      filter={({ options }) => options}
      nothingFoundMessage="No source is called like this"
      searchValue={typed}
      onSearchChange={setTyped}
      onDropdownOpen={() => setOpen(true)}
      onChange={(slug) => onChange(slug ?? "")}
      clearButtonProps={{ "aria-label": "All sources" }}
    />
  );
}

/** The source that the address names by its slug. A deleted one keeps that for a name. */
function useChosen(slug: string) {
  const { data } = useSource(slug, slug !== "");
  return slug === "" ? null : { value: slug, label: data?.name ?? slug };
}
