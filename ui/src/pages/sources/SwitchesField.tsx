import { Stack, Text } from "@mantine/core";
import type { Provider } from "../../api/types";
import { SwitchCard } from "../../components/SwitchCard";
import type { ProviderSwitch } from "../../guides/format";
import { Inline } from "../../guides/Inline";
import { providerCard } from "../../guides/marks";

export type ProviderSwitches = Record<ProviderSwitch, boolean>;

const switches: { name: ProviderSwitch; label: string; effect: string }[] = [
  {
    name: "unique_group_names",
    label: "Group names are unique",
    effect:
      "A second group with the same display name is refused, with an error that clients know.",
  },
  {
    name: "log_bodies",
    label: "Keep the bodies of requests",
    effect:
      "The request log shows what was sent and answered, with passwords and secrets masked. Without it, only the first line, the result and the reasons are kept.",
  },
];

export function defaultSwitches(provider: Provider): ProviderSwitches {
  const { unique_group_names, log_bodies } = providerCard(provider).switches;
  return { unique_group_names: unique_group_names.default, log_bodies: log_bodies.default };
}

interface SwitchesFieldProps<Value extends ProviderSwitches> {
  provider: Provider;
  value: Value;
  onChange: (value: Value) => void;
  disabled?: boolean;
}

/** The switches by which providers differ, each with what it does and what suits the provider. */
export function SwitchesField<Value extends ProviderSwitches>({
  provider,
  value,
  onChange,
  disabled,
}: SwitchesFieldProps<Value>) {
  const card = providerCard(provider);
  return (
    <Stack gap="lg">
      {switches.map(({ name, label, effect }) => {
        const { default: usual, why } = card.switches[name];
        return (
          <SwitchCard
            key={name}
            label={label}
            description={
              <>
                {effect}
                <Text span display="block" inherit mt={4}>
                  <Text span inherit fw={600} c="var(--mantine-color-text)">
                    {usual ? "On" : "Off"} for {card.product}:
                  </Text>{" "}
                  <Inline text={why} />
                </Text>
              </>
            }
            checked={value[name]}
            disabled={disabled}
            onChange={(checked) => onChange({ ...value, [name]: checked })}
          />
        );
      })}
    </Stack>
  );
}
