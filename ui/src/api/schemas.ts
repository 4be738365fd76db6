import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import { sourceKey } from "./sources";
import type {
  Page,
  SchemaDefinition,
  SourceResourceType,
  SourceSchema,
  TypeDefinition,
  UnknownAttribute,
} from "./types";

/** More than a source can have. */
const ALL = 1000;

export function useSchemas(slug: string) {
  return useQuery({
    queryKey: sourceKey(slug, "schemas"),
    queryFn: ({ signal }) =>
      api.get("/api/v1/sources/{slug}/schemas", {
        path: { slug },
        query: { limit: ALL },
        signal,
      }) as Promise<Page<SourceSchema>>,
  });
}

export function useResourceTypes(slug: string) {
  return useQuery({
    queryKey: sourceKey(slug, "resource-types"),
    queryFn: ({ signal }) =>
      api.get("/api/v1/sources/{slug}/resource-types", {
        path: { slug },
        query: { limit: ALL },
        signal,
      }) as Promise<Page<SourceResourceType>>,
  });
}

export function useUnknownAttributes(slug: string) {
  return useQuery({
    queryKey: sourceKey(slug, "unknown-attributes"),
    queryFn: ({ signal }) =>
      api.get("/api/v1/sources/{slug}/unknown-attributes", {
        path: { slug },
        query: { limit: ALL },
        signal,
      }) as Promise<Page<UnknownAttribute>>,
  });
}

function useRefresh(slug: string) {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: sourceKey(slug) });
}

/** A resource type that a schema is to be an extension of. */
export interface Attachment {
  extends: string;
  required: boolean;
}

export function usePutSchema(slug: string) {
  const refresh = useRefresh(slug);
  return useMutation({
    mutationFn: ({
      urn,
      definition,
      attachment,
    }: {
      urn: string;
      definition: SchemaDefinition;
      attachment: Attachment | null;
    }) =>
      api.put("/api/v1/sources/{slug}/schemas/{urn}", {
        path: { slug, urn },
        query: { ...attachment },
        body: definition,
      }),
    onSuccess: refresh,
  });
}

export function usePutResourceType(slug: string) {
  const refresh = useRefresh(slug);
  return useMutation({
    mutationFn: ({ name, definition }: { name: string; definition: TypeDefinition }) =>
      api.put("/api/v1/sources/{slug}/resource-types/{name}", {
        path: { slug, name },
        body: definition,
      }),
    onSuccess: refresh,
  });
}

/**
 * Removes a schema, or what the source adds to a built-in one. A schema that is an extension of
 * resource types has to be taken out of them first.
 */
export function useRemoveSchema(slug: string) {
  const refresh = useRefresh(slug);
  return useMutation({
    mutationFn: async ({ urn, extended }: { urn: string; extended: SourceResourceType[] }) => {
      for (const { resource_type } of extended) {
        await api.put("/api/v1/sources/{slug}/resource-types/{name}", {
          path: { slug, name: resource_type.name ?? "" },
          body: withoutExtension(resource_type, urn),
        });
      }
      await api.del("/api/v1/sources/{slug}/schemas/{urn}", { path: { slug, urn } });
    },
    onSettled: refresh,
  });
}

export function withoutExtension(type: TypeDefinition, urn: string): TypeDefinition {
  const isOther = ({ schema }: { schema: string }) => schema.toLowerCase() !== urn.toLowerCase();
  return { ...type, schemaExtensions: (type.schemaExtensions ?? []).filter(isOther) };
}

export function useRemoveResourceType(slug: string) {
  const refresh = useRefresh(slug);
  return useMutation({
    mutationFn: (name: string) =>
      api.del("/api/v1/sources/{slug}/resource-types/{name}", { path: { slug, name } }),
    onSuccess: refresh,
  });
}

/** An unknown attribute, or with the URN of an extension all of its. */
export interface UnknownPath {
  resource_type: string;
  path: string;
}

export function useAdopt(slug: string) {
  const refresh = useRefresh(slug);
  return useMutation({
    mutationFn: (body: UnknownPath) =>
      api.post("/api/v1/sources/{slug}/unknown-attributes/adopt", { path: { slug }, body }),
    onSettled: refresh,
  });
}

export function useForgetUnknown(slug: string) {
  const refresh = useRefresh(slug);
  return useMutation({
    mutationFn: (one: UnknownPath) =>
      api.del("/api/v1/sources/{slug}/unknown-attributes", { path: { slug }, query: { ...one } }),
    onSettled: refresh,
  });
}
