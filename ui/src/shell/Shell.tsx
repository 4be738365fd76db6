import { Anchor, AppShell, Badge, Burger, Group, Tooltip } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconEye } from "@tabler/icons-react";
import { Link, Outlet, ScrollRestoration } from "react-router";
import { AUDITOR_REASON, useCanChange } from "../api/session";
import { AccountMenu } from "./AccountMenu";
import { ColorSchemeMenu } from "./ColorSchemeMenu";
import { Logo } from "./Logo";
import { Navigation } from "./Navigation";
import classes from "./Shell.module.css";
import { useFocusOnPageChange } from "./page-change";

export function Shell() {
  const canChange = useCanChange();
  const [navigationOpen, navigation] = useDisclosure(false);
  const main = useFocusOnPageChange(navigation.close);

  return (
    <AppShell
      header={{ height: 60 }}
      navbar={{ width: 288, breakpoint: "md", collapsed: { mobile: !navigationOpen } }}
      padding={{ base: "md", sm: "xl" }}
    >
      <a href="#main" className={classes.skip}>
        Skip to the content
      </a>
      <AppShell.Header className={classes.header}>
        <Group h="100%" px={{ base: "sm", sm: "lg" }} justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap">
            <Burger
              opened={navigationOpen}
              onClick={navigation.toggle}
              hiddenFrom="md"
              size="sm"
              aria-label={navigationOpen ? "Close the navigation" : "Open the navigation"}
              aria-expanded={navigationOpen}
              aria-controls="navigation"
            />
            <Anchor component={Link} to="/" className={classes.home} underline="never">
              <Logo />
            </Anchor>
          </Group>
          <Group gap="xs" wrap="nowrap">
            {!canChange && (
              <Tooltip label={AUDITOR_REASON} multiline maw={280}>
                <Badge color="gray" size="lg" leftSection={<IconEye size={14} aria-hidden />}>
                  Read only
                </Badge>
              </Tooltip>
            )}
            <ColorSchemeMenu />
            <AccountMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar
        id="navigation"
        aria-label="Main"
        className={classes.navbar}
        px="sm"
        py="lg"
        // Closed on a phone, it is only moved out of sight: keep the keyboard out too.
        visibleFrom={navigationOpen ? undefined : "md"}
      >
        <Navigation onChoose={navigation.close} />
      </AppShell.Navbar>
      <AppShell.Main id="main" ref={main} tabIndex={-1} className={classes.main}>
        <div className={classes.page}>
          <Outlet />
        </div>
      </AppShell.Main>
      <ScrollRestoration />
    </AppShell>
  );
}
