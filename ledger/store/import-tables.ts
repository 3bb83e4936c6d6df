import type { ColumnType, Generated } from "kysely"

export type ImportState = "receiving" | "received" | "running" | "finished" | "failed" | "abandoned"
export type ImportFormat = "csv" | "ndjson"

/** Tables of 007-imports, part of {@link Database}. */
export type ImportTables = {
  "registry.import_policy": {
    is_only_row: Generated<boolean>
    body_bytes_max: bigint
    line_bytes_max: number
    refused_kept_max: number
  }
  "ledger.imports": {
    ledger_id: string
    import_id: string
    state: ImportState
    format: ImportFormat
    file_name: string | null
    defaults: ColumnType<unknown, string, never>
    operation_id: string | null
    content_hash: Buffer | null
    columns: string[] | null
    line_bytes_max: number
    refused_kept_max: number
    bytes: Generated<bigint>
    next_byte: Generated<bigint>
    next_line: Generated<bigint>
    applied: Generated<bigint>
    replayed: Generated<bigint>
    refused: Generated<bigint>
    error: string | null
    created_at: Generated<Date>
    touched_at: Generated<Date>
    received_at: Date | null
    started_at: Date | null
    finished_at: Date | null
    lease_owner: string | null
    lease_epoch: Generated<bigint>
    lease_expires_at: Date | null
  }
  "ledger.import_chunks": { ledger_id: string; import_id: string; chunk: number; content: Buffer }
  "ledger.import_refusals": {
    ledger_id: string
    import_id: string
    line: bigint
    code: string
    field: string | null
    message: string
  }
}
