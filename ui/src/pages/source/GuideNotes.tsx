import { Accordion, Anchor, Card, List, Stack, Text } from "@mantine/core";
import type { Source } from "../../api/types";
import type { Guide } from "../../guides/format";
import { Inline } from "../../guides/Inline";
import { valuesOf } from "./GuideSteps";

/** What one wants to know after connecting: what is sent, what goes wrong, how to stop. */
export function GuideNotes({ guide, source }: { guide: Guide; source: Source }) {
  const values = valuesOf(source);
  const lists = [
    { value: "sends", title: `What ${guide.product} does from then on`, texts: guide.sends },
    { value: "remove", title: "How to stop it", texts: guide.remove },
  ];
  return (
    <Card padding="xs">
      <Accordion multiple order={2} chevronPosition="left" variant="default">
        {guide.trouble.length > 0 && (
          <Accordion.Item value="trouble">
            <Accordion.Control>
              <Text fw={600}>When something goes wrong</Text>
            </Accordion.Control>
            <Accordion.Panel>
              <Stack gap="md">
                {guide.trouble.map(({ symptom, cause, remedy }) => (
                  <div key={symptom}>
                    <Text fw={600}>
                      <Inline text={symptom} values={values} />
                    </Text>
                    <Text c="dimmed">
                      <Inline text={cause} values={values} />
                    </Text>
                    <Text>
                      <Inline text={remedy} values={values} />
                    </Text>
                  </div>
                ))}
              </Stack>
            </Accordion.Panel>
          </Accordion.Item>
        )}
        {lists.map(({ value, title, texts }) => (
          <Accordion.Item key={value} value={value}>
            <Accordion.Control>
              <Text fw={600}>{title}</Text>
            </Accordion.Control>
            <Accordion.Panel>
              <List spacing="xs">
                {texts.map((text) => (
                  <List.Item key={text}>
                    <Inline text={text} values={values} />
                  </List.Item>
                ))}
              </List>
            </Accordion.Panel>
          </Accordion.Item>
        ))}
        <Accordion.Item value="sources">
          <Accordion.Control>
            <Text fw={600}>Where these words come from</Text>
          </Accordion.Control>
          <Accordion.Panel>
            <List spacing="xs">
              {guide.sources.map(({ title, url, read }) => (
                <List.Item key={title}>
                  {url ? (
                    <Anchor href={url} target="_blank" rel="noreferrer" underline="always">
                      {title}
                    </Anchor>
                  ) : (
                    title
                  )}
                  , {read}
                </List.Item>
              ))}
            </List>
          </Accordion.Panel>
        </Accordion.Item>
      </Accordion>
    </Card>
  );
}
