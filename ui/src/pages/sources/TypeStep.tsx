import { Text, Title, UnstyledButton } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import type { Provider } from "../../api/types";
import { ProviderMark } from "../../components/ProviderMark";
import { providerCards } from "../../guides/marks";
import classes from "./TypeStep.module.css";

interface TypeStepProps {
  chosen: Provider | null;
  onChoose: (provider: Provider) => void;
}

export function TypeStep({ chosen, onChoose }: TypeStepProps) {
  return (
    <section aria-labelledby="type-scim">
      <Title order={2} id="type-scim">
        SCIM Source
      </Title>
      <Text c="dimmed" mb="md" maw="44rem">
        The identity provider creates, updates and deactivates users and groups here by itself, by
        SCIM 2.0. Which one is it?
      </Text>
      <div className={classes.tiles}>
        {providerCards.map(({ provider, name }) => (
          <UnstyledButton
            key={provider}
            className={classes.tile}
            aria-pressed={chosen === provider}
            onClick={() => onChoose(provider)}
          >
            <ProviderMark provider={provider} size={40} />
            <span className={classes.name}>{name}</span>
            {chosen === provider && <IconCheck size={20} aria-hidden className={classes.check} />}
          </UnstyledButton>
        ))}
      </div>
    </section>
  );
}
