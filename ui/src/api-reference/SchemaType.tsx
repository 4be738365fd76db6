import { Anchor } from "@mantine/core";
import type { Schema } from "./document";
import { schemaWords } from "./schema-words";

/** A schema's type in words, in which named schemas lead to their description. */
export function SchemaType({ schema }: { schema: Schema | undefined }) {
  return (
    <>
      {schemaWords(schema).map((part, index) =>
        typeof part === "string" ? (
          part
        ) : (
          <Anchor key={index} href={`#schema-${part.schema}`} inherit underline="always">
            {part.schema}
          </Anchor>
        ),
      )}
    </>
  );
}
