import type { Generated } from "kysely"

export type AnchorState = "sealed" | "simulated" | "signed" | "broadcast" | "mined" | "confirmed" | "skipped"

/** Tables about anchors, part of {@link Database}. */
export type AnchorTables = {
  "registry.anchor_policy": {
    is_only_row: Generated<boolean>
    chain_id: bigint | null
    interval_ms: bigint
  }
  "settlement.anchors": {
    ledger_id: string
    tree_size: bigint
    chain_id: bigint
    contract: string
    state: AnchorState
    gas_limit: bigint | null
    gas_estimated: bigint | null
    gas_used: bigint | null
    effective_gas_price: bigint | null
    tx_hash: string | null
    block_number: bigint | null
    block_hash: string | null
    failures: Generated<number>
    last_error: string | null
    retry_at: Date | null
    sealed_at: Date
    broadcast_at: Date | null
    mined_at: Date | null
    confirmed_at: Date | null
  }
}
