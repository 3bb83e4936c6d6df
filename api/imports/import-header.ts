import { type Refusal, refuse } from "../refusal.ts"
import { type ImportDefaults, importColumns } from "./import-line.ts"
import type { RawRecord } from "./record-reader.ts"

/** The columns that the first record of a CSV names; whatever is wrong with them is wrong with every line, so the whole file is refused. */
export function readImportHeader(
  record: RawRecord | undefined,
  defaults: ImportDefaults,
): { readonly columns: readonly string[] } | Refusal {
  const names = importColumns.join(", ")
  if (record === undefined || !("fields" in record))
    return refuse("MALFORMED_CSV", null, `begin with a line that names the columns, of ${names}`)
  const columns = record.fields.map((name) => name.trim())
  for (const [index, column] of columns.entries()) {
    if (!importColumns.includes(column))
      return refuse("UNKNOWN_FIELD", column.slice(0, 100), `there is no column of this name; use ${names}`)
    if (columns.indexOf(column) !== index)
      return refuse("MALFORMED_CSV", column, "the header names the column twice; name every column once")
  }
  const missing = (column: string, message: string): Refusal => refuse("INVALID_FIELD", column, message)
  const has = (column: string): boolean => columns.includes(column)
  if (!has("user_id")) return missing("user_id", "add this column")
  if (has("amount") === has("balance"))
    return missing(
      "amount",
      "give the file one of the columns amount, for adjustments, and balance, for opening balances",
    )
  if (!has("token_symbol") && defaults.token_symbol === undefined)
    return missing(
      "token_symbol",
      "add this column, or name the token for all lines: token_symbol in the address, or --token",
    )
  if (!has("reason_type") && !has("balance") && defaults.reason_type === undefined)
    return missing(
      "reason_type",
      "add this column, or name the reason for all lines: reason_type in the address, or --reason",
    )
  return { columns }
}
