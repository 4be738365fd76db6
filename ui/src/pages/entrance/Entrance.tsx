import { Card, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { LogoMark } from "../../shell/Logo";
import { ColorSchemeMenu } from "../../shell/ColorSchemeMenu";
import classes from "./Entrance.module.css";

interface EntranceProps {
  title: string;
  /** One sentence below the title. */
  lead?: ReactNode;
  children?: ReactNode;
}

/** The frame of the pages that are open to everyone. */
export function Entrance({ title, lead, children }: EntranceProps) {
  return (
    <div className={classes.scene}>
      <title>{`${title} · Headwater`}</title>
      <header className={classes.corner}>
        <ColorSchemeMenu />
      </header>
      <Stream />
      <main className={classes.content}>
        <Stack align="center" gap={10} mb="xl">
          <LogoMark size={52} />
          <Text fw={700} fz={20} lts="-0.01em">
            Headwater
          </Text>
        </Stack>
        <Card className={classes.card} padding="xl" shadow="sm">
          <Title order={1} fz={22} mb={lead ? 6 : "lg"}>
            {title}
          </Title>
          {lead && (
            <Text component="div" c="dimmed" mb="lg">
              {lead}
            </Text>
          )}
          {children}
        </Card>
      </main>
    </div>
  );
}

/** Water at the foot of the page; decoration only. */
function Stream() {
  return (
    <svg className={classes.stream} viewBox="0 0 1440 320" preserveAspectRatio="none" aria-hidden>
      <path d="M0 140C240 60 420 60 720 130s480 90 720 10v180H0z" opacity="0.35" />
      <path d="M0 190c260-70 460-50 740 10s460 60 700-20v140H0z" opacity="0.5" />
      <path d="M0 245c300-60 520-20 760 20s440 30 680-20v75H0z" opacity="0.8" />
    </svg>
  );
}
