import { Alert, Button, Card, Group, Stepper, Text, Title } from "@mantine/core";
import { IconAlertCircle, IconArrowLeft, IconArrowRight, IconLock } from "@tabler/icons-react";
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import { ApiError } from "../../api/client";
import { AUDITOR_REASON, useCanChange } from "../../api/session";
import { useCreateSource } from "../../api/sources";
import type { Provider } from "../../api/types";
import { EmptyState } from "../../components/EmptyState";
import { messageOf } from "../../components/ErrorState";
import { PageHeader } from "../../components/PageHeader";
import { providerCard } from "../../guides/marks";
import { NameStep } from "./NameStep";
import { useSlug } from "./slug-field";
import { defaultSwitches, type ProviderSwitches, SwitchesField } from "./SwitchesField";
import classes from "./NewSourcePage.module.css";
import { TypeStep } from "./TypeStep";

const TYPE = 0;
const NAME = 1;
const SWITCHES = 2;

export default function NewSourcePage() {
  const canChange = useCanChange();
  return (
    <>
      <PageHeader
        title="New source"
        trail={[{ name: "Federation & Social login", to: "/directory/sources" }]}
      />
      {canChange ? (
        <Wizard />
      ) : (
        <EmptyState
          icon={IconLock}
          title="Only administrators create sources"
          action={
            <Button component={Link} to="/directory/sources" variant="default">
              Back to the sources
            </Button>
          }
        >
          {AUDITOR_REASON}
        </EmptyState>
      )}
    </>
  );
}

/** A step that begins with no field takes the focus itself, or it would fall to the page. */
function focusFirst(section: HTMLElement | null) {
  section?.focus();
}

function Wizard() {
  const navigate = useNavigate();
  const create = useCreateSource();
  const [step, setStep] = useState(TYPE);
  const [provider, setProvider] = useState<Provider | null>(null);
  const [name, setName] = useState("");
  const [editedSlug, setEditedSlug] = useState<string | null>(null);
  const [switches, setSwitches] = useState<ProviderSwitches | null>(null);
  const [nameError, setNameError] = useState<string | null>(null);
  const [leavingName, setLeavingName] = useState(false);
  const [slugError, setSlugError] = useState<string | null>(null);
  const slug = useSlug(name, editedSlug);

  const choose = (chosen: Provider) => {
    // The switches follow the provider; what was set by hand was set for another one.
    if (chosen !== provider) setSwitches(null);
    setProvider(chosen);
    setStep(NAME);
  };

  // "Continue" may come before the server has judged the slug that goes with the last keystroke.
  const judged = slug.check !== undefined || slug.error !== null;
  if (leavingName && judged) {
    setLeavingName(false);
    // Without an answer, creating the source tells.
    if (!slug.check || (slug.check.valid && slug.check.available)) setStep(SWITCHES);
  }
  const leaveNameStep = () => {
    if (name.trim() === "") setNameError("Give the source a name.");
    else setLeavingName(true);
  };

  const submit = () => {
    if (provider === null) return;
    create.mutate(
      {
        name: name.trim(),
        slug: slug.slug,
        provider,
        switches: switches ?? defaultSwitches(provider),
      },
      {
        onSuccess: ({ source }) =>
          void navigate(`/directory/sources/${source.slug}/connect`, { replace: true }),
        onError: (error) => {
          if (!(error instanceof ApiError)) return;
          if (error.field !== "slug" && error.field !== "name") return;
          // Taken meanwhile, or not to the server's liking: back to where it is typed.
          (error.field === "slug" ? setSlugError : setNameError)(error.detail);
          setStep(NAME);
        },
      },
    );
  };
  const otherError =
    create.error &&
    !(create.error instanceof ApiError && /^(slug|name)$/.test(create.error.field ?? ""));

  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (step === NAME) leaveNameStep();
        if (step === SWITCHES) submit();
      }}
    >
      <Card padding="xl" bg="var(--hw-surface)">
        <Stepper
          active={step}
          onStepClick={(to) => {
            if (to < step) setStep(to);
          }}
          size="sm"
          wrap={false}
          classNames={{ step: classes.step, stepBody: classes.body }}
          iconSize={34}
          mb="xl"
          aria-label="Steps"
        >
          <Stepper.Step
            aria-current={step === TYPE ? "step" : undefined}
            label="Type"
            description={provider ? providerCard(provider).name : "Identity provider"}
          />
          <Stepper.Step
            aria-current={step === NAME ? "step" : undefined}
            label="Name"
            description={step > NAME ? slug.slug : "and address"}
            allowStepSelect={step > NAME}
          />
          <Stepper.Step
            aria-current={step === SWITCHES ? "step" : undefined}
            label="Switches"
            description="as the provider needs them"
            allowStepSelect={false}
          />
        </Stepper>

        {step === TYPE && <TypeStep chosen={provider} onChoose={choose} />}
        {step === NAME && (
          <NameStep
            name={name}
            onName={(typed) => {
              setName(typed);
              setNameError(null);
              if (editedSlug === null) setSlugError(null);
            }}
            nameError={nameError}
            slug={slug}
            slugError={slugError}
            onSlug={(typed) => {
              // Emptied by hand, it follows the name again.
              setEditedSlug(typed === "" ? null : typed.toLowerCase());
              setSlugError(null);
            }}
          />
        )}
        {step === SWITCHES && provider && (
          <section aria-labelledby="switches" ref={focusFirst} tabIndex={-1}>
            <Title order={2} id="switches">
              Switches
            </Title>
            <Text c="dimmed" mb="lg">
              Set as {providerCard(provider).product} needs them. You can change them at any time.
            </Text>
            <SwitchesField
              provider={provider}
              value={switches ?? defaultSwitches(provider)}
              onChange={setSwitches}
            />
            {otherError && (
              <Alert
                icon={<IconAlertCircle aria-hidden />}
                color="red"
                title="The source was not created"
                role="alert"
                mt="lg"
              >
                {messageOf(create.error)}
              </Alert>
            )}
          </section>
        )}

        <Group justify="space-between" mt="xl">
          {step === TYPE ? (
            <Button component={Link} to="/directory/sources" variant="default">
              Cancel
            </Button>
          ) : (
            <Button
              variant="default"
              leftSection={<IconArrowLeft size={16} aria-hidden />}
              onClick={() => setStep(step - 1)}
            >
              Back
            </Button>
          )}
          {step === TYPE && provider && (
            <Button
              rightSection={<IconArrowRight size={16} aria-hidden />}
              onClick={() => setStep(NAME)}
            >
              Continue
            </Button>
          )}
          {step === NAME && (
            <Button
              type="submit"
              key="continue"
              loading={leavingName}
              rightSection={<IconArrowRight size={16} aria-hidden />}
            >
              Continue
            </Button>
          )}
          {step === SWITCHES && (
            <Button type="submit" key="create" loading={create.isPending}>
              Create the source
            </Button>
          )}
        </Group>
      </Card>
    </form>
  );
}
