import type { Generated } from "kysely"

/** Tables about signers, their nonces and what was signed, part of {@link Database}. */
export type SignerTables = {
  "settlement.signers": {
    chain_id: bigint
    address: string
    next_nonce: bigint
    lease_owner: string | null
    lease_epoch: Generated<bigint>
    lease_expires_at: Date | null
    retired_at: Date | null
    done_at: Date | null
  }
  "settlement.failures": {
    failure_id: Generated<bigint>
    ledger_id: string
    token_id: number
    batch_sequence: bigint
    failed_at: Date
    reason: string
  }
  "settlement.fillers": {
    chain_id: bigint
    signer: string
    nonce: bigint
    attempt: number
    hash: string
    raw: string
    saved_at: Date
  }
  "settlement.nonces": {
    chain_id: bigint
    signer: string
    nonce: bigint
    ledger_id: string
    batch_sequence: bigint | null
    tree_size: bigint | null
    reserved_at: Date
    spent_in_vain_at: Date | null
    /** The transaction that used it up for good, without its batch having been settled by it. */
    spent_by_hash: Generated<string | null>
    spent_block_number: Generated<bigint | null>
    spent_block_hash: Generated<string | null>
  }
  "settlement.transactions": {
    chain_id: bigint
    hash: string
    signer: string
    nonce: bigint
    ledger_id: string
    batch_sequence: bigint | null
    tree_size: bigint | null
    raw: string
    attempt: number
    transaction_type: "eip1559" | "legacy"
    target: string
    calldata_hash: string
    gas_limit: bigint
    max_fee_per_gas: bigint
    max_priority_fee_per_gas: bigint | null
    saved_at: Date
    broadcast_at: Date | null
    waiting_since: Date | null
    last_error: string | null
    /** Whether it takes the id of its batch out of use. */
    is_cancellation: Generated<boolean>
  }
}
