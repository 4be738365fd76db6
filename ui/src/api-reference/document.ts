// The parts of an OpenAPI 3.1 document that the reference shows.

export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  examples?: unknown[];
  example?: unknown;
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  required?: string[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
}

export type Content = Record<string, { schema?: Schema }>;

export interface Answer {
  description?: string;
  content?: Content;
}

interface OperationSource {
  operationId?: string;
  tags?: string[];
  summary?: string;
  description?: string;
  parameters?: Parameter[];
  requestBody?: { description?: string; required?: boolean; content?: Content };
  responses?: Record<string, Answer>;
  security?: Record<string, unknown>[];
}

type PathItem = { parameters?: Parameter[] } & Partial<Record<Method, OperationSource>>;

export interface OpenApiDocument {
  openapi: string;
  info: { title: string; version: string; description?: string };
  tags?: { name: string; description?: string }[];
  paths?: Record<string, PathItem>;
  components?: { schemas?: Record<string, Schema> };
}

const METHODS = ["get", "post", "put", "patch", "delete"] as const;
export type Method = (typeof METHODS)[number];

export interface Operation {
  /** Stable, and fit for an address: what links to it end in. */
  id: string;
  method: Method;
  path: string;
  summary: string;
  description: string;
  parameters: Parameter[];
  body: OperationSource["requestBody"];
  answers: [string, Answer][];
  /** Whether it may be called without signing in. */
  open: boolean;
}

export interface Tag {
  name: string;
  description: string;
  operations: Operation[];
}

/** Operations by their first tag, in the order of the document. */
export function tagsOf(document: OpenApiDocument): Tag[] {
  const tags = new Map<string, Tag>();
  const tag = (name: string, description = "") => {
    const known = tags.get(name) ?? { name, description, operations: [] };
    tags.set(name, known);
    return known;
  };
  for (const { name, description } of document.tags ?? []) tag(name, description);
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of METHODS) {
      const source = item[method];
      if (source)
        tag(source.tags?.[0] ?? "Other").operations.push(
          operation(method, path, source, item.parameters),
        );
    }
  }
  return [...tags.values()].filter(({ operations }) => operations.length > 0);
}

function operation(
  method: Method,
  path: string,
  source: OperationSource,
  shared: Parameter[] = [],
): Operation {
  return {
    id: source.operationId ?? `${method}${path.replace(/[^a-z0-9]+/gi, "-")}`,
    method,
    path,
    // Generators put the first line of a comment into the summary, and all of it into the description.
    summary: source.summary ?? source.description?.split("\n")[0] ?? "",
    description: source.description ?? "",
    parameters: [...shared, ...(source.parameters ?? [])],
    body: source.requestBody,
    answers: Object.entries(source.responses ?? {}).sort(([one], [other]) =>
      one.localeCompare(other),
    ),
    open: source.security?.length === 0,
  };
}

/** Tags with the operations that hold all the words of a search. */
export function matching(tags: Tag[], search: string): Tag[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return tags;
  const holds = (text: string) => words.every((word) => text.toLowerCase().includes(word));
  return tags
    .map((tag) => ({
      ...tag,
      operations: tag.operations.filter(({ id, method, path, summary, description }) =>
        holds(`${tag.name} ${id} ${method} ${path} ${summary} ${description}`),
      ),
    }))
    .filter(({ operations }) => operations.length > 0);
}
