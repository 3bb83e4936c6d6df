import { z } from "@hono/zod-openapi"

/** Every path that `fields` can name in an answer, the whole before its parts. Below a record names are not known before. */
export function fieldPaths(schema: unknown, prefix = ""): string[] {
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional)
    return fieldPaths(schema.unwrap(), prefix)
  if (schema instanceof z.ZodArray) return fieldPaths(schema.element, prefix)
  if (!(schema instanceof z.ZodObject)) return []
  return Object.entries(schema.shape).flatMap(([name, child]) => [
    `${prefix}${name}`,
    ...fieldPaths(child, `${prefix}${name}.`),
  ])
}
