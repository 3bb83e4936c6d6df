import type { ErrorCode } from "./errors.ts"

export type FieldError = {
  /** Path of what is wrong (`adjustments[0].amount`), a parameter's or header's name, or null for the request as a whole. */
  readonly field: string | null
  readonly code: ErrorCode
  /** What to do about it. */
  readonly message: string
}

/** A request that is answered with an error, expected as such: the first error's code decides the HTTP status. */
export type Refusal = {
  readonly refused: ErrorCode
  readonly errors: readonly FieldError[]
  readonly headers?: Readonly<Record<string, string>>
}

export function refuse(
  code: ErrorCode,
  field: string | null,
  message: string,
  headers?: Readonly<Record<string, string>>,
): Refusal {
  return { refused: code, errors: [{ field, code, message }], ...(headers === undefined ? {} : { headers }) }
}

/** @param errors at least one */
export function refuseAll(errors: readonly [FieldError, ...FieldError[]]): Refusal {
  return { refused: errors[0].code, errors }
}

export function isRefusal(value: object): value is Refusal {
  return "refused" in value
}
