import { Alert, Card, Skeleton, Stack, Title } from "@mantine/core";
import { IconPlayerPause } from "@tabler/icons-react";
import { useOverview } from "../../api/sources";
import { CopyField } from "../../components/CopyField";
import { ErrorState } from "../../components/ErrorState";
import { useGuide } from "../../guides/guide";
import { Arrivals } from "./Arrivals";
import classes from "./ConnectTab.module.css";
import { GuideSteps } from "./GuideSteps";
import { GuideNotes } from "./GuideNotes";
import { useSourceOfPage } from "./SourcePage";
import { TokenCopy } from "./TokenCopy";

export default function ConnectTab() {
  const { source, live } = useSourceOfPage();
  const overview = useOverview(source.slug);
  const guide = useGuide(source.provider);

  return (
    <>
      <title>{`Connect · ${source.name} · Headwater`}</title>
      {!source.enabled && (
        <Alert
          icon={<IconPlayerPause aria-hidden />}
          color="orange"
          title="This source is disabled"
          mb="lg"
        >
          Every request to it is refused until it is enabled in its settings.
        </Alert>
      )}
      <div className={classes.columns}>
        <Stack gap="lg" className={classes.values}>
          <Card>
            <Title order={2} mb="md">
              What the identity provider needs
            </Title>
            <Stack gap="lg">
              <CopyField label="SCIM Base URL" value={source.base_url} />
              <TokenCopy slug={source.slug} label="Token" withExplanation />
            </Stack>
          </Card>
        </Stack>
        <aside className={classes.arrivals} aria-label="What has arrived">
          <Arrivals checklist={overview.data?.checklist} slug={source.slug} live={live} />
        </aside>
        <div className={classes.steps}>
          {guide.data ? (
            <Stack gap="lg">
              <GuideSteps guide={guide.data} source={source} />
              <GuideNotes guide={guide.data} source={source} />
            </Stack>
          ) : guide.error ? (
            <ErrorState error={guide.error} onRetry={() => void guide.refetch()} />
          ) : (
            <Skeleton h={320} />
          )}
        </div>
      </div>
    </>
  );
}
