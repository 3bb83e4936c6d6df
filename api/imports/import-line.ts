import { z } from "@hono/zod-openapi"
import type { HmacSha256 } from "../../platform/hmac-sha256.ts"
import { hashRequest } from "../ledger/hash-request.ts"
import type { RequestedAdjustment } from "../ledger/resolve-adjustments.ts"
import type { FieldError } from "../refusal.ts"
import { isRefusal } from "../refusal.ts"
import { adjustmentSchema } from "../validation/adjustment-schemas.ts"
import { checkJson } from "../validation/check-json.ts"
import { findDuplicateKey } from "../validation/find-duplicate-key.ts"
import { parseJson } from "../validation/parse-json.ts"
import { chainIdSchema, operationIdSchema, sequenceSchema } from "../validation/schemas.ts"
import { validate } from "../validation/validate.ts"
import type { RawRecord, RecordFault } from "./record-reader.ts"

/** What stands for a field that a line leaves out. */
export type ImportDefaults = {
  readonly token_symbol?: string
  readonly chain_id?: number
  readonly reason_type?: string
}

const isoTime = "write an ISO 8601 time with its zone, for example 2024-12-15T10:30:00Z"

/** What a line may say: an adjustment of `POST /balance/adjust`, or an opening balance, which has no sign. */
const lineSchema = adjustmentSchema.extend({
  chain_id: chainIdSchema.optional(),
  amount: adjustmentSchema.shape.amount.optional(),
  balance: z
    .string("write the balance as a decimal string: a JSON number could lose digits")
    .regex(
      /^\d{1,59}(\.\d{1,36})?$/,
      'write the balance as a decimal string without a sign, for example "12.5"',
    )
    .optional(),
  operation_id: operationIdSchema.optional(),
  sequence: sequenceSchema.optional(),
  occurred_at: z.iso.datetime({ offset: true, error: isoTime }).optional(),
})

/** The columns that a CSV may have, in any order. */
export const importColumns: readonly string[] = Object.keys(lineSchema.shape)

/** The reason of a line with a `balance`, where neither the line nor the import names one. */
const openingReason = "opening_balance"

export type ImportLine = {
  readonly line: number
  readonly adjustment: RequestedAdjustment
  /** What the line calls its amount. */
  readonly amountField: "amount" | "balance"
  /** The line's own key, where it has one. */
  readonly key: { readonly operationId: string; readonly sequence: number } | null
  readonly occurredAt: Date | undefined
  readonly requestHash: Buffer
}

export type LineRefusal = { readonly line: number; readonly refusal: FieldError }

type Fields = Record<string, unknown>
type ReadFields = { readonly fields: Fields } | { readonly refused: FieldError }

/** How lines are read; the same for all lines of an import. */
export type ReadingRules = {
  /** Of a CSV; null for NDJSON. */
  readonly columns: readonly string[] | null
  readonly defaults: ImportDefaults
  readonly lineBytesMax: number
  /** See hashRequest. */
  readonly requestKey: HmacSha256
}

/** Reads one line, with the rules of the route that takes single adjustments. Of several faults it tells the first. */
export function readImportLine(record: RawRecord, rules: ReadingRules, now: Date): ImportLine | LineRefusal {
  const { columns, defaults, lineBytesMax } = rules
  const { line } = record
  const refuse = (code: FieldError["code"], field: string | null, message: string): LineRefusal => ({
    line,
    refusal: { field, code, message },
  })
  if ("fault" in record) return { line, refusal: refusalOfFault(record.fault, record, lineBytesMax) }
  const said = "fields" in record ? fieldsOfCsv(record.fields, columns ?? []) : fieldsOfJson(record.text)
  if ("refused" in said) return { line, refusal: said.refused }
  const { fields } = said
  const fault = checkJson(fields, 32)
  if (fault !== undefined) return refuse(fault.code, fault.path, fault.message)
  const opening = fields["balance"] === undefined ? {} : { reason_type: openingReason }
  const validated = validate(lineSchema, { ...opening, ...defaults, ...fields }, "body")
  if (isRefusal(validated)) {
    const [first] = validated.errors
    return {
      line,
      refusal: first ?? { field: null, code: validated.refused, message: "see the documentation of imports" },
    }
  }
  const {
    amount,
    balance,
    operation_id: operationId,
    sequence,
    occurred_at: occurred,
    ...rest
  } = validated.value
  if (amount === undefined && balance === undefined)
    return refuse("INVALID_FIELD", "amount", "add an amount with its sign, or a balance")
  if (amount !== undefined && balance !== undefined)
    return refuse("INVALID_FIELD", "balance", "give an amount or a balance, not both")
  if (amount !== undefined && !/^[+-]/.test(amount))
    return refuse("INVALID_AMOUNT", "amount", 'write the amount with its sign, for example "+12.5"')
  if (operationId === undefined && sequence !== undefined)
    return refuse("INVALID_FIELD", "sequence", "name the operation_id that the sequence belongs to")
  const occurredAt = occurred === undefined ? undefined : new Date(occurred)
  if (occurredAt !== undefined && !(occurredAt.getTime() >= 0 && occurredAt <= now))
    return refuse("INVALID_FIELD", "occurred_at", "name a time between 1970 and now")
  const { operation_id: _key, sequence: _sequence, ...hashed } = validated.value
  return {
    line,
    adjustment: { ...rest, amount: amount ?? `+${balance}` },
    amountField: amount === undefined ? "balance" : "amount",
    key: operationId === undefined ? null : { operationId, sequence: sequence ?? 0 },
    occurredAt,
    requestHash: hashRequest(rules.requestKey, { route: "/imports", line: hashed }),
  }
}

function refusalOfFault(fault: RecordFault, { line, nextLine }: RawRecord, lineBytesMax: number): FieldError {
  switch (fault) {
    case "TOO_LONG":
      return { field: null, code: "PAYLOAD_TOO_LARGE", message: `a line has at most ${lineBytesMax} bytes` }
    case "NOT_UTF8":
      return { field: null, code: "MALFORMED_TEXT", message: "encode the file as UTF-8" }
    case "NOT_CSV":
      return {
        field: null,
        code: "MALFORMED_CSV",
        message: `a value with a quote, a comma or a line end stands in quotes, and a quote in it is written twice; where this record ends nobody can tell, so ${line === nextLine - 1 ? "it was" : `lines ${line} to ${nextLine - 1} were`} not read: correct the quotes and send the file from here on, without what stands before: that is settled`,
      }
  }
}

function fieldsOfJson(text: string): ReadFields {
  const malformed = (message: string) => ({
    refused: { field: null, code: "MALFORMED_JSON" as const, message },
  })
  const parsed = parseJson(text, () => "the line could not be parsed; write one JSON object a line")
  if ("code" in parsed) return { refused: { field: null, ...parsed } }
  const { value } = parsed
  if (value === null || typeof value !== "object" || Array.isArray(value))
    return malformed("the line is no JSON object")
  if (findDuplicateKey(text) === undefined) return { fields: value as Fields }
  return malformed("an object names something twice; send every name once")
}

/** An empty value says nothing; what JSON would have as a number or an object is read as one. */
function fieldsOfCsv(values: readonly string[], columns: readonly string[]): ReadFields {
  if (values.length !== columns.length) {
    const message = `the line has ${values.length} values and the header names ${columns.length}`
    return { refused: { field: null, code: "MALFORMED_CSV", message } }
  }
  const fields: Fields = {}
  for (const [index, value] of values.entries()) {
    const column = columns[index] ?? ""
    if (value === "") continue
    if (column === "chain_id" || column === "sequence")
      fields[column] = /^(?:0|[1-9]\d{0,15})$/.test(value) ? Number(value) : value
    else if (column === "metadata") {
      const metadata = fieldsOfJson(value)
      if ("refused" in metadata) return { refused: inMetadata(metadata.refused) }
      fields[column] = metadata.fields
    } else fields[column] = value
  }
  return { fields }
}

function inMetadata({ code, message }: FieldError): FieldError {
  const isText = code === "MALFORMED_TEXT"
  return { field: "metadata", code, message: isText ? message : "write the metadata as one JSON object" }
}
