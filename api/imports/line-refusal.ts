import type { ErrorCode } from "../errors.ts"
import type { FieldError } from "../refusal.ts"
import { importColumns } from "./import-line.ts"

/** Of the codes whose message for a single request says what the request said. */
const messages: Partial<Record<ErrorCode, string>> = {
  UNKNOWN_FIELD: `a line has only the fields ${importColumns.join(", ")}; leave others out`,
  UNKNOWN_TOKEN: "no token has this symbol, or none on this chain; GET /tokens lists them",
  AMBIGUOUS_TOKEN: "the symbol exists on several chains; name the chain_id",
  DEBIT_NOT_SUPPORTED: "the token is paid out of a treasury: it can be credited, and not debited",
  UNKNOWN_REASON: "the reason is not registered; GET /reasons lists the reasons",
  TOKEN_RETIRED: "the token is retired and takes no changes; GET /tokens lists those that do",
  REASON_RETIRED: "the reason is retired; choose another of GET /reasons",
  METADATA_NOT_ALLOWED: "the reason does not take one of these keys; GET /reasons lists those that it takes",
}

/**
 * What is kept of a refusal: nothing that the line says. The list outlives the file, no erasure comes to it, and in a file whose columns are shifted an address may stand where a token
 * should. The line's number leads to the rest.
 */
export function refusalOfLine({ field, code, message }: FieldError): FieldError {
  const column = field?.split(/[.[]/, 1)[0]
  return {
    field: column !== undefined && importColumns.includes(column) ? column : null,
    code,
    message: messages[code] ?? message,
  }
}
