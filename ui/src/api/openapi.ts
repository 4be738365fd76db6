import { useQuery } from "@tanstack/react-query";
import type { OpenApiDocument } from "../api-reference/document";
import { api } from "./client";

/** The description of the admin API that the server makes of its own code. */
export function useOpenApiDocument() {
  return useQuery({
    queryKey: ["openapi"],
    queryFn: ({ signal }) => api.document<OpenApiDocument>(signal),
    staleTime: Infinity,
  });
}
