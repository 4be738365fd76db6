import {
  Alert,
  Card,
  Group,
  NativeSelect,
  NumberInput,
  Stack,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { useForm } from "@mantine/form";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconAlertCircle, IconAlertTriangle } from "@tabler/icons-react";
import { useNavigate } from "react-router";
import { ApiError } from "../../api/client";
import { useCanChange } from "../../api/session";
import { useEditSource } from "../../api/sources";
import type { Provider, Source } from "../../api/types";
import { ChangeButton } from "../../components/ChangeButton";
import { ConfirmDelete } from "../../components/ConfirmDelete";
import { messageOf } from "../../components/ErrorState";
import { SwitchCard } from "../../components/SwitchCard";
import { providerCards } from "../../guides/marks";
import { useSlug } from "../sources/slug-field";
import { SwitchesField } from "../sources/SwitchesField";
import { UrlPreview } from "../sources/UrlPreview";
import { HiddenField } from "./HiddenField";
import { RulesField } from "./RulesField";
import { editOf, valuesOf } from "./source-edit";

/** What the server calls the field of what is left out of /Schemas. */
const HIDDEN = "switches.hidden_from_schemas";

export function SourceForm({ source }: { source: Source }) {
  const canChange = useCanChange();
  const navigate = useNavigate();
  const edit = useEditSource(source.slug);
  const form = useForm({
    initialValues: valuesOf(source),
    validate: {
      name: (name) => (name.trim() === "" ? "Give the source a name." : null),
      slug: (slug) => (slug.trim() === "" ? "Give the source a slug." : null),
      days: (days) => (days === "" ? "Enter a number of days." : null),
      megabytes: (megabytes) => (megabytes === "" ? "Enter a number of megabytes." : null),
    },
  });
  const { values } = form;
  const renamed = values.slug !== source.slug;
  const slug = useSlug(values.name, renamed ? values.slug : "");
  const refused =
    renamed && slug.check && !(slug.check.valid && slug.check.available) ? slug.check.reason : null;
  const changes = editOf(source, values);
  const changed = Object.keys(changes).length > 0;
  const hiddenRefused =
    edit.error instanceof ApiError && edit.error.field === HIDDEN ? edit.error.detail : null;
  const isOfField = (error: unknown) =>
    error instanceof ApiError &&
    error.field !== null &&
    (error.field in values || error.field === HIDDEN);
  const [asking, question] = useDisclosure(false);
  const switched = <Name extends keyof typeof values.switches>(
    name: Name,
    value: (typeof values.switches)[Name],
  ) => form.setFieldValue("switches", { ...values.switches, [name]: value });

  const save = async () => {
    const saved = await edit.mutateAsync(changes);
    const next = valuesOf(saved);
    form.setValues(next);
    form.resetDirty(next);
    notifications.show({
      title: "Saved",
      message: `The settings of ${saved.name} are changed.`,
    });
    if (saved.slug !== source.slug) {
      void navigate(`/directory/sources/${saved.slug}/settings`, { replace: true });
    }
  };

  const submit = form.onSubmit(() => {
    if (refused || !changed) return;
    if (changes.switches?.keep_passwords === false) {
      question.open();
      return;
    }
    save().catch((error: unknown) => {
      if (error instanceof ApiError && error.field !== null && error.field in values) {
        form.setFieldError(error.field as keyof typeof values, error.detail);
      }
    });
  });

  return (
    <form noValidate onSubmit={submit} aria-label="Settings of the source">
      <Stack gap="lg">
        <Card component="section" aria-labelledby="general">
          <Title order={2} id="general" mb="md">
            General
          </Title>
          <Stack>
            <TextInput
              label="Name"
              readOnly={!canChange}
              autoComplete="off"
              {...form.getInputProps("name")}
            />
            <NativeSelect
              label="Identity provider"
              description="Decides which steps the Connect page shows. It changes nothing in how requests are answered."
              disabled={!canChange}
              data={providerCards.map(({ provider, name }) => ({ value: provider, label: name }))}
              value={values.provider}
              onChange={(event) =>
                form.setFieldValue("provider", event.currentTarget.value as Provider)
              }
            />
            <TextInput
              label="Slug"
              readOnly={!canChange}
              autoComplete="off"
              spellCheck={false}
              {...form.getInputProps("slug")}
              error={form.errors.slug ?? refused}
              onChange={(event) =>
                form.setFieldValue("slug", event.currentTarget.value.toLowerCase())
              }
            />
            {renamed ? (
              <Alert
                icon={<IconAlertTriangle aria-hidden />}
                color="orange"
                title="The address changes"
              >
                <Stack gap="sm">
                  <Text size="sm">
                    The identity provider's requests are refused until its URL is changed to the new
                    one. Users, groups and tokens stay as they are.
                  </Text>
                  <UrlPreview url={slug.url} />
                </Stack>
              </Alert>
            ) : (
              <UrlPreview url={source.base_url} />
            )}
          </Stack>
        </Card>

        <Card component="section" aria-labelledby="switches">
          <Title order={2} id="switches" mb="md">
            Switches
          </Title>
          <Stack gap="lg">
            <SwitchesField
              provider={values.provider}
              value={values.switches}
              disabled={!canChange}
              onChange={(switches) => form.setFieldValue("switches", switches)}
            />
            <SwitchCard
              label="Keep passwords"
              description="A password that a client sends is kept as an Argon2id hash: never in clear, and never shown or answered. Without it, passwords are taken and kept nowhere. Turning it off forgets those that are kept."
              checked={values.switches.keep_passwords}
              disabled={!canChange}
              onChange={(keep) => switched("keep_passwords", keep)}
            />
          </Stack>
        </Card>

        <Card component="section" aria-labelledby="rules">
          <Title order={2} id="rules" mb="md">
            Rules
          </Title>
          <RulesField
            value={values.switches.profile}
            disabled={!canChange}
            onChange={(profile) => switched("profile", profile)}
          />
        </Card>

        <Card component="section" aria-labelledby="hidden">
          <Title order={2} id="hidden" mb={4}>
            Left out of /Schemas
          </Title>
          <HiddenField
            value={values.switches.hidden_from_schemas}
            error={hiddenRefused}
            disabled={!canChange}
            onChange={(hidden) => {
              // What was wrong may be gone.
              edit.reset();
              switched("hidden_from_schemas", hidden);
            }}
          />
        </Card>

        <Card component="section" aria-labelledby="request-log">
          <Title order={2} id="request-log">
            Request log
          </Title>
          <Text c="dimmed" mb="md">
            Every request is kept until it is older than this, or the log larger; the oldest go
            first. The journal of changes is kept for good.
          </Text>
          <Group grow align="flex-start">
            <NumberInput
              label="Days"
              min={1}
              allowDecimal={false}
              readOnly={!canChange}
              {...form.getInputProps("days")}
            />
            <NumberInput
              label="Megabytes"
              min={1}
              allowDecimal={false}
              thousandSeparator=","
              readOnly={!canChange}
              {...form.getInputProps("megabytes")}
            />
          </Group>
        </Card>

        {edit.error && !isOfField(edit.error) && (
          <Alert icon={<IconAlertCircle aria-hidden />} color="red" title="Not saved" role="alert">
            {messageOf(edit.error)}
          </Alert>
        )}
        <Group justify="flex-end">
          {changed && (
            <ChangeButton
              variant="default"
              onClick={() => {
                form.setValues(valuesOf(source));
                edit.reset();
              }}
            >
              Undo
            </ChangeButton>
          )}
          <ChangeButton type="submit" disabled={!changed} loading={edit.isPending}>
            Save
          </ChangeButton>
        </Group>
      </Stack>
      <ConfirmDelete
        opened={asking}
        onClose={question.close}
        title="Forget the passwords?"
        action="Save, and forget them"
        onConfirm={save}
      >
        The hashes that {source.name} keeps are deleted. They can't be brought back: a password is
        kept again only once it is sent again.
      </ConfirmDelete>
    </form>
  );
}
