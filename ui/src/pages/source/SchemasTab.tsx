import { useUnknownAttributes } from "../../api/schemas";
import { PartLinks, usePart } from "../../components/PartLinks";
import { ResourceTypeList } from "../../schemas/ResourceTypeList";
import { SchemaList } from "../../schemas/SchemaList";
import { UnknownList } from "../../schemas/UnknownList";
import { useSourceOfPage } from "./SourcePage";

export default function SchemasTab() {
  const { source } = useSourceOfPage();
  const unknown = useUnknownAttributes(source.slug).data?.items.length ?? 0;
  const parts = [
    { key: "schemas", name: "Schemas" },
    { key: "types", name: "Resource types" },
    {
      key: "unknown",
      name: unknown === 0 ? "Sent, but unknown" : `Sent, but unknown (${unknown})`,
    },
  ] as const;
  const part = usePart(parts);
  return (
    <>
      <title>{`Schemas · ${source.name} · Headwater`}</title>
      <PartLinks label="Parts of the schemas" parts={parts} current={part} />
      {part === "schemas" && <SchemaList slug={source.slug} />}
      {part === "types" && <ResourceTypeList slug={source.slug} />}
      {part === "unknown" && <UnknownList slug={source.slug} />}
    </>
  );
}
