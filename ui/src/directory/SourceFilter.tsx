import { NativeSelect } from "@mantine/core";
import { useSources } from "../api/sources";

export interface SourceFilterProps {
  /** A slug; empty for all sources. */
  value: string;
  onChange: (slug: string) => void;
}

export function SourceFilter({ value, onChange }: SourceFilterProps) {
  const { data } = useSources({ limit: 1000 });
  const sources = data?.items ?? [];
  const known = value === "" || sources.some(({ slug }) => slug === value);
  return (
    <NativeSelect
      aria-label="Source"
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      data={[
        { value: "", label: "All sources" },
        ...(known ? [] : [{ value, label: value }]),
        ...sources.map(({ slug, name }) => ({ value: slug, label: name })),
      ]}
    />
  );
}
