import type { Generated } from "kysely"

/** Tables of 006-checkpoints, part of {@link Database}. */
export type AuditTables = {
  "registry.checkpoint_policy": { is_only_row: Generated<boolean>; events: bigint; interval_ms: bigint }
  "registry.audit_keys": { key_id: string; public_key: Buffer; added_at: Generated<Date> }
  "ledger.checkpoints": {
    ledger_id: string
    tree_size: bigint
    previous_size: bigint | null
    root: Buffer
    head_hash: Buffer
    signature: Buffer
    key_id: string
    created_at: Date
    anchored_position: bigint | null
  }
  "ledger.merkle_nodes": { ledger_id: string; level: number; index: bigint; hash: Buffer }
}
