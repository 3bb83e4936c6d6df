/**
 * Every code that an answer can carry, with its HTTP status. This is the only place that maps one to the other; docs/errors.md is tested against it.
 * `message` heads the answer; what to do about the single error stands in `errors[].message`.
 */
export const errorCodes = {
  MALFORMED_JSON: { status: 400, message: "The body is not JSON" },
  MALFORMED_CSV: { status: 400, message: "The file is not CSV as it is expected" },
  MALFORMED_REQUEST: { status: 400, message: "The request is not HTTP" },
  MALFORMED_TEXT: { status: 400, message: "The request holds text that cannot be stored" },
  BODY_TOO_DEEP: { status: 400, message: "The body is nested too deeply" },
  INVALID_PARAMETER: { status: 400, message: "A parameter is not valid" },
  UNKNOWN_PARAMETER: { status: 400, message: "There is no such parameter" },
  INVALID_CURSOR: { status: 400, message: "The cursor is not one of ours" },
  IDEMPOTENCY_KEY_MISMATCH: { status: 400, message: "Header and body name different operations" },
  UNAUTHENTICATED: { status: 401, message: "Authentication is needed" },
  FORBIDDEN: { status: 403, message: "The key may not do this" },
  NOT_FOUND: { status: 404, message: "There is nothing at this address" },
  UNKNOWN_USER: { status: 404, message: "There is no such user" },
  UNKNOWN_BATCH: { status: 404, message: "There is no such batch" },
  UNKNOWN_OPERATION: { status: 404, message: "There is no such operation" },
  UNKNOWN_TRANSACTION: { status: 404, message: "There is no such transaction" },
  UNKNOWN_HOLD: { status: 404, message: "There is no such hold" },
  UNKNOWN_REDACTION: { status: 404, message: "There is no such erasure" },
  UNKNOWN_POSITION: { status: 404, message: "There is no such event" },
  UNKNOWN_CHECKPOINT: { status: 404, message: "There is no such checkpoint" },
  UNKNOWN_RECONCILIATION_RUN: { status: 404, message: "There is no such reconciliation run" },
  UNKNOWN_IMPORT: { status: 404, message: "There is no such import" },
  UNKNOWN_DEAD_LETTER: { status: 404, message: "There is no such dead letter" },
  METHOD_NOT_ALLOWED: { status: 405, message: "The address does not support this method" },
  REQUEST_TIMEOUT: { status: 408, message: "The request did not arrive in time" },
  IDEMPOTENCY_CONFLICT: { status: 409, message: "The operation was recorded with another request" },
  HOLD_ENDED: { status: 409, message: "The hold has ended" },
  IMPORT_NOT_FAILED: { status: 409, message: "The import has not failed" },
  ALREADY_REVERSED: { status: 409, message: "The adjustment was reversed before" },
  DEAD_LETTER_CLOSED: { status: 409, message: "The dead letter is closed" },
  NOTHING_TO_DISCARD: { status: 409, message: "There is nothing to discard" },
  PAYLOAD_TOO_LARGE: { status: 413, message: "The body is too large" },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, message: "The body has the wrong content type" },
  INVALID_FIELD: { status: 422, message: "Validation failed" },
  UNKNOWN_FIELD: { status: 422, message: "Validation failed" },
  INVALID_AMOUNT: { status: 422, message: "Validation failed" },
  UNKNOWN_TOKEN: { status: 422, message: "Validation failed" },
  AMBIGUOUS_TOKEN: { status: 422, message: "Validation failed" },
  UNKNOWN_REASON: { status: 422, message: "Validation failed" },
  METADATA_NOT_ALLOWED: { status: 422, message: "Validation failed" },
  INSUFFICIENT_BALANCE: { status: 422, message: "The balance does not cover the operation" },
  CAPTURE_TOO_LARGE: { status: 422, message: "The capture is larger than the hold" },
  NOT_REVERSIBLE: { status: 422, message: "The transaction cannot be reversed" },
  BALANCE_OUT_OF_RANGE: { status: 422, message: "The balance would leave the supported range" },
  HEADERS_TOO_LARGE: { status: 431, message: "The headers are too large" },
  INTERNAL: { status: 500, message: "Something failed on our side" },
  CHAIN_UNAVAILABLE: { status: 503, message: "The chain does not answer" },
  LEDGER_UNAVAILABLE: { status: 503, message: "The ledger's database does not answer" },
  NOT_READY: { status: 503, message: "The service is not ready" },
  STORAGE_FULL: { status: 503, message: "The ledger's database has no space left" },
  OVERLOADED: { status: 503, message: "Too much work is waiting" },
  TIMEOUT: { status: 504, message: "The request took too long" },
} as const

export type ErrorCode = keyof typeof errorCodes

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code)
}
