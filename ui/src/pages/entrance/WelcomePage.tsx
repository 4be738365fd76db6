import { Alert, Button, Center, Code, Loader, Stack, Text } from "@mantine/core";
import { IconLinkOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link, useLocation, useNavigate } from "react-router";
import { ApiError } from "../../api/client";
import { checkLink } from "../../api/session";
import type { LinkPurpose } from "../../api/types";
import { ErrorState } from "../../components/ErrorState";
import { Entrance } from "./Entrance";
import { WelcomeForm } from "./WelcomeForm";

/** Where a one-time link leads: `/welcome#<secret>`. */
export default function WelcomePage() {
  const secret = useSecretOfAddress();
  const check = useQuery({
    queryKey: ["link", secret],
    queryFn: ({ signal }) => checkLink(secret, signal),
    enabled: secret !== "",
    // The secret is in the key: it goes when the page goes.
    gcTime: 0,
    staleTime: Infinity,
  });

  if (secret === "") return <BrokenLink reason="The address holds no secret." />;
  if (check.data) return <Welcome purpose={check.data} secret={secret} />;
  if (check.error instanceof ApiError && check.error.status === 404) {
    return <BrokenLink reason="It was used already, or its time is over." />;
  }
  return (
    <Entrance title="Welcome">
      {check.error ? (
        <ErrorState error={check.error} onRetry={() => void check.refetch()} />
      ) : (
        <Center py="xl" role="status" aria-label="Checking the link">
          <Loader />
        </Center>
      )}
    </Entrance>
  );
}

/** Takes the secret out of the address at once, so that no history or screenshot keeps it. */
function useSecretOfAddress(): string {
  const { hash } = useLocation();
  const navigate = useNavigate();
  const [secret, setSecret] = useState("");
  const found = hash.slice(1);
  if (found !== "" && found !== secret) setSecret(found);
  useEffect(() => {
    if (found !== "") void navigate("/welcome", { replace: true });
  }, [found, navigate]);
  return found || secret;
}

function Welcome({ purpose, secret }: { purpose: LinkPurpose; secret: string }) {
  const first = purpose.purpose === "first_administrator";
  return (
    <Entrance
      title={first ? "Make the first administrator" : "Set your password"}
      lead={
        first
          ? "This is you: whoever holds this account can make sources, and invite others."
          : `For ${purpose.email ?? "your account"}. You are signed in right after.`
      }
    >
      <WelcomeForm purpose={purpose} secret={secret} />
    </Entrance>
  );
}

function BrokenLink({ reason }: { reason: string }) {
  return (
    <Entrance title="This link does not work">
      <Stack>
        <Alert icon={<IconLinkOff aria-hidden />} color="orange" title={reason}>
          Each one-time link works once, and for a limited time.
        </Alert>
        <Text size="sm">
          Ask another administrator for a new link (<b>Administrators</b>, <b>Reset password</b>),
          or make one on the server:
        </Text>
        <Code block>headwater admin reset-password</Code>
        <Text size="sm">
          While there is no administrator yet, the server prints a new link each time it starts.
        </Text>
        <Button component={Link} to="/sign-in" variant="default">
          To the sign-in page
        </Button>
      </Stack>
    </Entrance>
  );
}
