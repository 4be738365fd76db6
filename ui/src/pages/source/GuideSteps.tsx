import { Card, Group, Stack, Text, Title } from "@mantine/core";
import { IconEye } from "@tabler/icons-react";
import type { Source } from "../../api/types";
import { CopyField } from "../../components/CopyField";
import type { Guide, GuideField, GuideStep } from "../../guides/format";
import { Inline } from "../../guides/Inline";
import { fillIn, type Values } from "../../guides/inline-markup";
import classes from "./GuideSteps.module.css";
import { TokenCopy } from "./TokenCopy";

export const valuesOf = (source: Source): Values => ({
  base_url: source.base_url,
  source_name: source.name,
});

/** How the provider is connected, in its own words and with the reader's own values. */
export function GuideSteps({ guide, source }: { guide: Guide; source: Source }) {
  const values = valuesOf(source);
  return (
    <Card component="section" aria-labelledby="steps">
      <Title order={2} id="steps">
        In {guide.product}
      </Title>
      <Text c="dimmed" mt={4}>
        <Inline text={guide.summary} values={values} />
      </Text>
      {guide.before.length > 0 && (
        <div className={classes.before}>
          <Text fw={600} size="sm" mb={4}>
            Before you start
          </Text>
          <ul>
            {guide.before.map((text) => (
              <li key={text}>
                <Inline text={text} values={values} />
              </li>
            ))}
          </ul>
        </div>
      )}
      <ol className={classes.steps}>
        {guide.steps.map((step, index) => (
          <Step key={step.title} step={step} number={index + 1} source={source} />
        ))}
      </ol>
    </Card>
  );
}

function Step({ step, number, source }: { step: GuideStep; number: number; source: Source }) {
  const values = valuesOf(source);
  return (
    <li className={classes.step}>
      <span className={classes.number} aria-hidden>
        {number}
      </span>
      <Stack gap="sm" miw={0} flex={1}>
        <Title order={3}>
          <Inline text={step.title} values={values} />
        </Title>
        {step.text.map((text) => (
          <p key={text} className={classes.text}>
            <Inline text={text} values={values} />
          </p>
        ))}
        {step.fields && (
          <Stack gap="md" className={classes.fields}>
            {step.fields.map((field) => (
              <Field key={field.label} field={field} source={source} />
            ))}
          </Stack>
        )}
        {step.expect && (
          <Group gap={8} wrap="nowrap" align="flex-start" className={classes.expect}>
            <IconEye size={18} aria-hidden />
            <Text size="sm">
              <Inline text={step.expect} values={values} />
            </Text>
          </Group>
        )}
      </Stack>
    </li>
  );
}

function Field({ field, source }: { field: GuideField; source: Source }) {
  const values = valuesOf(source);
  return (
    <div>
      {field.kind === "base_url" && (
        <CopyField label={field.label} value={fillIn(field.value, values)} />
      )}
      {field.kind === "token" && (
        <TokenCopy
          slug={source.slug}
          label={field.label}
          value={fillIn(field.value, { ...values, token: undefined })}
        />
      )}
      {field.kind === "text" && (
        <div className={classes.choice}>
          <span>{field.label}</span>
          <strong>{fillIn(field.value, values)}</strong>
        </div>
      )}
      {field.note && (
        <Text size="sm" c="dimmed" mt={4}>
          <Inline text={field.note} values={values} />
        </Text>
      )}
    </div>
  );
}
