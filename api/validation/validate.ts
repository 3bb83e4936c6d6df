import type { z } from "zod"
import type { ErrorCode } from "../errors.ts"
import { type FieldError, type Refusal, refuseAll } from "../refusal.ts"
import { formatPath } from "./check-json.ts"

/** A body of ten thousand wrong items is told about this many of them. */
const errorsMax = 50

const codeOfField: Readonly<Record<string, ErrorCode>> = {
  amount: "INVALID_AMOUNT",
  balance: "INVALID_AMOUNT",
  cursor: "INVALID_CURSOR",
  page_key: "INVALID_CURSOR",
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
      message: messageOf(issue, part),
    })
  }
  const [first, ...others] = errors
  if (first === undefined) throw new TypeError("a schema refused without an issue")
  return refuseAll([first, ...others])
}

const nameOfKind: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "an array",
  object: "an object",
  record: "an object",
}

/** What to do about it. The schemas say so themselves; where one does not, Zod's own text only names what is wrong. */
function messageOf(issue: z.core.$ZodIssue, part: "body" | "parameters"): string {
  if (!issue.message.startsWith("Invalid")) return issue.message
  switch (issue.code) {
    case "invalid_type": {
      const kind = nameOfKind[issue.expected] ?? "another kind of value"
      if (!issue.message.endsWith("received undefined")) return `send ${kind} here`
      return part === "body" ? `add this field, ${kind}` : "add this parameter"
    }
    case "invalid_value":
      return `use one of ${issue.values.map((value) => JSON.stringify(String(value))).join(", ")}`
    default:
      return "use a value that the API's description allows; see /openapi.json"
  }
}
