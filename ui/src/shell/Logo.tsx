import { Group, Text } from "@mantine/core";

/** A drop above its stream: where the water, and the people, come from. */
export function LogoMark({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden focusable="false">
      <rect width="32" height="32" rx="8" fill="var(--mantine-color-water-7)" />
      <path
        d="M16 5c3.6 4.3 5.5 7.1 5.5 9.700a5.5 5.5 0 0 1-11 0C10.5 12.1 12.4 9.3 16 5z"
        fill="#fff"
      />
      <path
        d="M5.5 23.400c2.6-2 4.7-2 7.3 0s4.7 2 7.3 0 4.2-1.9 6.4-.3"
        fill="none"
        stroke="#fff"
        strokeWidth="2.2"
        strokeLinecap="round"
      />
      <path
        d="M9.5 27.700c2-1.3 3.6-1.2 5.6.1s3.8 1.3 5.8 0"
        fill="none"
        stroke="var(--mantine-color-water-2)"
        strokeWidth="2"
        strokeLinecap="round"
      />
    </svg>
  );
}

export function Logo() {
  return (
    <Group gap={10} wrap="nowrap">
      <LogoMark />
      <Text span fw={700} fz={18} lts="-0.01em" c="var(--mantine-color-text)">
        Headwater
      </Text>
    </Group>
  );
}
