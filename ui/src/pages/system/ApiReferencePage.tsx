// The admin API, readable: rendered from the document that the server makes of its own code.
import { Anchor, Button, Group, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconDownload, IconZoomQuestion } from "@tabler/icons-react";
import { useEffect, useMemo, useState } from "react";
import { Link, useLocation } from "react-router";
import classes from "../../api-reference/ApiReference.module.css";
import { matching, type OpenApiDocument, tagsOf } from "../../api-reference/document";
import { Prose } from "../../api-reference/FieldTable";
import { OperationCard } from "../../api-reference/OperationCard";
import { SchemaCard } from "../../api-reference/SchemaCard";
import { useOpenApiDocument } from "../../api/openapi";
import { EmptyState } from "../../components/EmptyState";
import { ErrorState } from "../../components/ErrorState";
import { PageHeader } from "../../components/PageHeader";
import { SearchInput } from "../../components/SearchInput";
import { useUrlState } from "../../components/url-state";
import { FilterBar } from "../../filters/FilterBar";

export default function ApiReferencePage() {
  const query = useOpenApiDocument();
  return (
    <>
      <PageHeader
        title="API reference"
        description={
          <>
            Everything that these pages do, scripts can do too. They sign in with an{" "}
            <Anchor component={Link} to="/system/api-tokens" inherit underline="always">
              API token
            </Anchor>
            .
          </>
        }
        actions={
          <Button
            component="a"
            href="/api/openapi.json"
            download="headwater-openapi.json"
            variant="default"
            leftSection={<IconDownload size={16} aria-hidden />}
          >
            OpenAPI document
          </Button>
        }
      />
      {query.data ? (
        <Reference document={query.data} />
      ) : query.error ? (
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <Stack aria-busy>
          <Skeleton h={36} maw={360} />
          <Skeleton h={320} />
        </Stack>
      )}
    </>
  );
}

function Reference({ document }: { document: OpenApiDocument }) {
  const { hash } = useLocation();
  const [{ q }, setFilters] = useUrlState({ q: "" });
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [followed, setFollowed] = useState("");
  const tags = useMemo(() => tagsOf(document), [document]);
  const shown = matching(tags, q);
  const schemas = Object.entries(document.components?.schemas ?? {}).sort(([one], [other]) =>
    one.localeCompare(other),
  );

  if (hash !== followed) {
    setFollowed(hash);
    setOpened((current) => new Set([...current, hash.slice(1)]));
  }
  useEffect(() => {
    // The browser looked for the target before there was anything to find.
    if (hash !== "")
      window.document.getElementById(decodeURIComponent(hash.slice(1)))?.scrollIntoView();
  }, [hash]);

  const toggle = (id: string) =>
    setOpened((current) => {
      const next = new Set(current);
      if (!next.delete(id)) next.add(id);
      return next;
    });

  return (
    <Stack gap="xl">
      {document.info.description && (
        <Text maw="44rem" className={classes.prose}>
          <Prose text={document.info.description} />
        </Text>
      )}
      <FilterBar onClear={q === "" ? undefined : () => setFilters({ q: "" })}>
        <SearchInput
          label="Search operations"
          value={q}
          onSearch={(text) => setFilters({ q: text })}
        />
      </FilterBar>
      {shown.length === 0 && (
        <EmptyState icon={IconZoomQuestion} title="No operation matches">
          Try a part of a path, such as “tokens”, or a word of what it does.
        </EmptyState>
      )}
      {shown.map(({ name, description, operations }) => (
        <section key={name} aria-label={name}>
          <Title order={2}>{name}</Title>
          {description !== "" && (
            <Text c="dimmed" mb="sm">
              <Prose text={description} />
            </Text>
          )}
          <ul className={classes.operations}>
            {operations.map((operation) => (
              <OperationCard
                key={operation.id}
                operation={operation}
                open={opened.has(operation.id)}
                onToggle={() => toggle(operation.id)}
              />
            ))}
          </ul>
        </section>
      ))}
      {q === "" && schemas.length > 0 && (
        <section aria-label="Types">
          <Group justify="space-between" mb="sm">
            <Title order={2}>Types</Title>
          </Group>
          <Stack>
            {schemas.map(([name, schema]) => (
              <SchemaCard key={name} name={name} schema={schema} />
            ))}
          </Stack>
        </section>
      )}
    </Stack>
  );
}
