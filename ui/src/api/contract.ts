// What the OpenAPI document says of each call, as types: which path takes which values, and what
// comes back. `schema.d.ts` is generated from openapi.json by `npm run schema`.
import type { components, paths } from "./schema";

/**
 * An answer always carries all of its properties, `null` where there is nothing to say; the
 * document calls such properties optional.
 */
export type Complete<T> = T extends (infer Item)[]
  ? Complete<Item>[]
  : T extends object
    ? { [K in keyof T]-?: Complete<Exclude<T[K], undefined>> }
    : T;

/** A schema of the document, as it stands in an answer. */
export type Named<Name extends keyof components["schemas"]> = Complete<components["schemas"][Name]>;

/** A schema of the document that people write themselves: what it calls optional may be missing. */
export type Written<Name extends keyof components["schemas"]> = components["schemas"][Name];

export type Method = "get" | "post" | "put" | "patch" | "delete";

/** The paths that know a method. */
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];

type Operation<M extends Method, P extends PathOf<M>> = paths[P][M];

type Success<Responses> = Responses extends { 200: infer Answer }
  ? Answer
  : Responses extends { 201: infer Answer }
    ? Answer
    : undefined;

type Content<Message> = Message extends { content: { "application/json": infer Body } }
  ? Body
  : undefined;

export type AnswerOf<M extends Method, P extends PathOf<M>> =
  Operation<M, P> extends { responses: infer Responses }
    ? Complete<Content<Success<Responses>>>
    : never;

export type QueryValue = string | number | boolean | null | undefined;

type PathValues<O> = O extends { parameters: { path: infer Values } }
  ? { path: Record<keyof Values, string | number> }
  : unknown;

// Filters come from the address bar as text: their names are checked here, their values by the
// server.
type QueryValues<O> = O extends { parameters: { query?: infer Values } }
  ? { query?: Partial<Record<keyof Values, QueryValue>> }
  : unknown;

type Body<O> = O extends { requestBody: infer Message } ? { body: Content<Message> } : unknown;

export type OptionsOf<M extends Method, P extends PathOf<M>> = PathValues<Operation<M, P>> &
  QueryValues<Operation<M, P>> &
  Body<Operation<M, P>> & { signal?: AbortSignal };

/** The options may be left out where nothing in them is needed. */
export type ArgumentsOf<M extends Method, P extends PathOf<M>> =
  object extends OptionsOf<M, P> ? [options?: OptionsOf<M, P>] : [options: OptionsOf<M, P>];
