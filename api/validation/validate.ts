import type { z } from "zod"
import type { ErrorCode } from "../errors.ts"
import { type FieldError, type Refusal, refuseAll } from "../refusal.ts"
import { formatPath } from "./check-json.ts"

/** A body of ten thousand wrong items is told about this many of them. */
const errorsMax = 50

const codeOfField: Readonly<Record<string, ErrorCode>> = {
  amount: "INVALID_AMOUNT",
  cursor: "INVALID_CURSOR",
}

/** Parses with the schema that the OpenAPI document shows; what does not fit becomes one error a field. */
export function validate<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  part: "body" | "parameters",
): { readonly value: z.output<Schema> } | Refusal {
  const parsed = schema.safeParse(value)
  if (parsed.success) return { value: parsed.data }
  const errors: FieldError[] = []
  for (const issue of parsed.error.issues) {
    if (errors.length >= errorsMax) break
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys.slice(0, errorsMax - errors.length)) {
        const field = formatPath([...issue.path, key])
        errors.push({
          field,
          code: part === "body" ? "UNKNOWN_FIELD" : "UNKNOWN_PARAMETER",
          message: `there is no ${part === "body" ? "field" : "parameter"} "${field}" here; leave it out`,
        })
      }
      continue
    }
    const last = issue.path.findLast((step) => typeof step === "string")
    const code = typeof last === "string" ? codeOfField[last] : undefined
    errors.push({
      field: issue.path.length === 0 ? null : formatPath(issue.path),
      code: code ?? (part === "body" ? "INVALID_FIELD" : "INVALID_PARAMETER"),
      message: issue.message,
    })
  }
  const [first, ...others] = errors
  if (first === undefined) throw new TypeError("a schema refused without an issue")
  return refuseAll([first, ...others])
}
