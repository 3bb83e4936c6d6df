import { z } from "@hono/zod-openapi"
import { type Refusal, refuse } from "../refusal.ts"

type Selection = { readonly [name: string]: Selection | true }

/** Reads `fields=a,b.c`. A name that the answer never has is refused rather than ignored. */
export function readFields(text: string, answer: z.ZodType): { readonly selection: Selection } | Refusal {
  const selection: Record<string, Selection | true> = {}
  for (const path of text.split(",")) {
    const steps = path.split(".")
    if (!hasPath(answer, steps))
      return refuse("INVALID_PARAMETER", "fields", `the answer has no field "${path}"`)
    let level = selection
    for (const [index, step] of steps.entries()) {
      const known = level[step]
      if (known === true) break
      if (index === steps.length - 1) {
        level[step] = true
        break
      }
      const next: Record<string, Selection | true> = known ?? {}
      level[step] = next
      level = next
    }
  }
  return { selection }
}

/** The part of the data that was asked for; a path through an array applies to each element. */
export function selectFields(value: unknown, selection: Selection): unknown {
  if (Array.isArray(value)) return value.map((element: unknown) => selectFields(element, selection))
  if (value === null || typeof value !== "object") return value
  const selected: Record<string, unknown> = {}
  for (const [name, child] of Object.entries(value)) {
    const wanted = Object.hasOwn(selection, name) ? selection[name] : undefined
    if (wanted !== undefined) selected[name] = wanted === true ? child : selectFields(child, wanted)
  }
  return selected
}

function hasPath(schema: unknown, steps: readonly string[]): boolean {
  const [step, ...rest] = steps
  if (step === undefined) return true
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional)
    return hasPath(schema.unwrap(), steps)
  if (schema instanceof z.ZodArray) return hasPath(schema.element, steps)
  if (schema instanceof z.ZodRecord) return hasPath(schema.valueType, rest)
  if (!(schema instanceof z.ZodObject)) return schema instanceof z.ZodUnknown
  return Object.hasOwn(schema.shape, step) && hasPath(schema.shape[step], rest)
}
