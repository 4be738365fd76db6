// A search field that waits until typing pauses before it asks.
//
//   <SearchInput label="Search users" value={filters.q} onSearch={(q) => setFilters({ q })} />
import { CloseButton, TextInput, type TextInputProps } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";

export interface SearchInputProps extends Omit<TextInputProps, "value" | "onChange" | "label"> {
  /** For screen readers, and as the placeholder when there is no other. */
  label: string;
  value: string;
  onSearch: (text: string) => void;
}

const PAUSE_MS = 250;

export function SearchInput({ label, value, onSearch, ...rest }: SearchInputProps) {
  const [typed, setTyped] = useState(value);
  const [asked, setAsked] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);

  // The address changed by other means (back button, "clear filters"): follow it.
  if (value !== asked) {
    setAsked(value);
    setTyped(value);
  }

  const search = (text: string, pause: number) => {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      setAsked(text);
      onSearch(text);
    }, pause);
  };

  return (
    <TextInput
      type="search"
      role="searchbox"
      aria-label={label}
      placeholder={label}
      autoComplete="off"
      spellCheck={false}
      maw={360}
      flex={1}
      miw={200}
      leftSection={<IconSearch size={16} aria-hidden />}
      rightSection={
        typed && (
          <CloseButton size="sm" aria-label="Clear the search" onClick={() => search("", 0)} />
        )
      }
      {...rest}
      value={typed}
      onChange={(event) => search(event.currentTarget.value, PAUSE_MS)}
      onKeyDown={(event) => {
        if (event.key === "Enter") search(typed, 0);
      }}
    />
  );
}
