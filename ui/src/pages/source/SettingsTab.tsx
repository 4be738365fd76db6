import { Stack } from "@mantine/core";
import { useSourceOfPage } from "./SourcePage";
import { DisableSource } from "./DisableSource";
import { DeleteSource } from "./DeleteSource";
import { SourceForm } from "./SourceForm";

export default function SettingsTab() {
  const { source } = useSourceOfPage();
  return (
    <>
      <title>{`Settings · ${source.name} · Headwater`}</title>
      <Stack gap="lg" maw="48rem">
        <SourceForm source={source} />
        <DisableSource source={source} />
        <DeleteSource source={source} />
      </Stack>
    </>
  );
}
