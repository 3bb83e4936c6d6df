import type { Generated } from "kysely"

/** Tables of 009-holds-and-redactions, part of {@link Database}. */
export type HoldTables = {
  "registry.hold_policy": {
    is_only_row: Generated<boolean>
    default_expiry_ms: bigint
    max_expiry_ms: bigint
  }
  "ledger.redactions": {
    ledger_id: string
    position: bigint
    user_id: string
    cursor: bigint
    redacted: bigint
    steps: number
    finished_at: Date | null
  }
}
