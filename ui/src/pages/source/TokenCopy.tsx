import { Button, Group, Input, Stack, Text } from "@mantine/core";
import { IconCheck, IconCopy, IconKey } from "@tabler/icons-react";
import { useState } from "react";
import { ApiError } from "../../api/client";
import { useCopyToken, useMakeToken, useTokens } from "../../api/tokens";
import { ChangeButton } from "../../components/ChangeButton";
import { CopyAnnouncement, CopyField, useCopy } from "../../components/CopyField";
import { messageOf } from "../../components/ErrorState";
import { onDay } from "../../components/moment-words";
import classes from "./TokenCopy.module.css";

interface TokenCopyProps {
  slug: string;
  /** The name of the field at the identity provider. */
  label: string;
  /** What is copied, with `{token}` in it. */
  value?: string;
  /** Says until when the token can be copied. */
  withExplanation?: boolean;
}

/**
 * Copies the source's token without ever showing it. Until its first use it can be had again;
 * afterwards nobody has it, not even the server, and a new one is made instead.
 */
export function TokenCopy({ slug, label, value = "{token}", withExplanation }: TokenCopyProps) {
  const tokens = useTokens(slug);
  const read = useCopyToken(slug);
  const make = useMakeToken(slug);
  const { copying, copied, copy } = useCopy();
  // Kept only where the browser refused the clipboard, so that it can be copied by hand.
  const [shown, setShown] = useState<string | null>(null);

  const active = tokens.data?.items.filter((token) => token.state === "active") ?? [];
  const copyable = active.find((token) => token.copyable);
  const busy = read.isPending || make.isPending;

  const carry = (secret: Promise<string>) => {
    setShown(null);
    const text = secret.then((known) => value.replace("{token}", () => known));
    void copy(text).then(async (done) => {
      if (!done) setShown(await text.catch(() => null));
    });
  };
  const copyExisting = (id: string) => carry(read.mutateAsync(id).then((answer) => answer.secret));
  const makeAndCopy = () => carry(make.mutateAsync(null).then((answer) => answer.secret));

  const failed = read.error ?? make.error;
  const gone = read.error instanceof ApiError && read.error.code === "no_longer_copyable";

  return (
    <Stack gap={8}>
      <Input.Label component="div">{label}</Input.Label>
      <Group gap={8} align="stretch">
        <div className={classes.masked} aria-hidden>
          {value.replace("{token}", "••••••••••••••••")}
        </div>
        {copyable ? (
          <ChangeButton
            onClick={() => copyExisting(copyable.id)}
            loading={busy}
            leftSection={
              copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />
            }
          >
            {copied ? "Copied" : "Click to copy token"}
          </ChangeButton>
        ) : (
          <ChangeButton
            onClick={makeAndCopy}
            loading={busy}
            disabled={tokens.isPending}
            variant={copied ? "filled" : "light"}
            leftSection={
              copied ? <IconCheck size={16} aria-hidden /> : <IconKey size={16} aria-hidden />
            }
          >
            {copied ? "Copied" : "Copy a new token"}
          </ChangeButton>
        )}
      </Group>
      {withExplanation && tokens.data && (
        <Text size="sm" c="dimmed">
          {copyable ? (
            <>
              It can be copied until the first request with it succeeds
              {copyable.copyable_until && `, at the latest until ${onDay(copyable.copyable_until)}`}
              . Each copy is written in the journal.
            </>
          ) : active.length > 0 ? (
            "The present token was used or is older than seven days, and only its hash is kept: it can't be copied any more. It goes on working beside a new one."
          ) : (
            "There is no token that works. Make one to let the identity provider in."
          )}
        </Text>
      )}
      <CopyAnnouncement copying={failed ? { state: "idle" } : copying} what={label} />
      {failed && (
        <Text size="sm" c="var(--mantine-color-error)" role="alert">
          {messageOf(failed)} {gone && "Make a new token."}
        </Text>
      )}
      {shown !== null && !failed && (
        <Stack gap={6}>
          <CopyField label="Copy it by hand" value={shown} />
          <Button variant="subtle" size="compact-sm" w="fit-content" onClick={() => setShown(null)}>
            Hide
          </Button>
        </Stack>
      )}
    </Stack>
  );
}
