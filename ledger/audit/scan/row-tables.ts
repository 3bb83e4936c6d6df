/** Tables that are compared with the log as sets, and the columns that a row is known by. */
export const rowTables = {
  "ledger.operations":
    "operation_id, sequence::text, first_position::text, last_position::text, recorded_at, request_hash",
  "ledger.balance_history": "account_id::text, position::text, pending::text, confirmed::text, locked::text",
} as const
export type RowTable = keyof typeof rowTables

/** The ledger's rows in some of the table's pages. */
export function selectTableRows(table: RowTable, ledgerId: string, fromPage: number, toPage: number): string {
  return `COPY (
    SELECT ${rowTables[table]} FROM ${table}
    WHERE ctid >= '(${fromPage},0)'::tid AND ctid < '(${toPage},0)'::tid AND ledger_id = '${ledgerId}'
  ) TO STDOUT (FORMAT binary)`
}
