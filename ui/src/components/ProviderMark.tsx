// The identity provider's monogram (never a vendor's logo) and its name.
//
//   <ProviderMark provider={source.provider} />            monogram alone, decorative
//   <ProviderMark provider={source.provider} withName />
import { Group, Text } from "@mantine/core";
import type { Provider } from "../api/types";
import { providerCard } from "../guides/marks";

export interface ProviderMarkProps {
  provider: Provider;
  withName?: boolean;
  size?: number;
}

export function ProviderMark({ provider, withName = false, size = 28 }: ProviderMarkProps) {
  const {
    name,
    mark: { text, color },
  } = providerCard(provider);
  const monogram = (
    <svg
      width={size}
      height={size}
      viewBox="0 0 32 32"
      aria-hidden
      focusable="false"
      style={{ flex: "none" }}
    >
      <rect width="32" height="32" rx="8" fill={color} />
      <text x="16" y="21" textAnchor="middle" fontSize="14" fontWeight="700" fill="#fff">
        {text}
      </text>
    </svg>
  );
  if (!withName) return monogram;
  return (
    <Group gap={8} wrap="nowrap">
      {monogram}
      <Text span inherit>
        {name}
      </Text>
    </Group>
  );
}
