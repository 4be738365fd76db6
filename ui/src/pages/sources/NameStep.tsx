import { Loader, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconCircleCheck } from "@tabler/icons-react";
import type { useSlug } from "./slug-field";
import { UrlPreview } from "./UrlPreview";

interface NameStepProps {
  name: string;
  onName: (name: string) => void;
  nameError: string | null;
  slug: ReturnType<typeof useSlug>;
  slugError: string | null;
  onSlug: (slug: string) => void;
}

export function NameStep({ name, onName, nameError, slug, slugError, onSlug }: NameStepProps) {
  const { check } = slug;
  const refused = check && !(check.valid && check.available) ? check.reason : null;
  return (
    <section aria-labelledby="name-and-address">
      <Title order={2} id="name-and-address" mb="md">
        Name and address
      </Title>
      <Stack maw="36rem">
        <TextInput
          label="Name"
          description="As you call it: the organisation, the customer, the tenant."
          placeholder="Contoso Europe"
          value={name}
          error={nameError}
          onChange={(event) => onName(event.currentTarget.value)}
          autoFocus
          autoComplete="off"
        />
        <TextInput
          label="Slug"
          description="The part of the address that is this source's own: small letters, digits and hyphens."
          value={slug.slug}
          error={slugError ?? refused}
          onChange={(event) => onSlug(event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
          rightSection={
            slug.slug === "" ? null : check === undefined ? (
              <Loader size={16} aria-hidden />
            ) : refused === null ? (
              <IconCircleCheck
                size={20}
                color="var(--mantine-color-green-light-color)"
                aria-hidden
              />
            ) : null
          }
        />
        <UrlPreview url={slug.url} />
        <Text size="sm" c="dimmed">
          The identity provider keeps this address. It can be changed later, but then has to be
          changed there too.
        </Text>
      </Stack>
    </section>
  );
}
