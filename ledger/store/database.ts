import type { ColumnType, Generated } from "kysely"
import type { BatchCall, SettlementMode } from "../domain/batch-calls.ts"
import type { Priority } from "../domain/priority.ts"
import type { AnchorTables } from "./anchor-tables.ts"
import type { AuditTables } from "./audit-tables.ts"
import type { BatchSavingColumns, GasTables } from "./gas-tables.ts"
import type { HoldTables } from "./hold-tables.ts"
import type { IdentityTables } from "./identity-tables.ts"
import type { ImportTables } from "./import-tables.ts"
import type { PauseKind } from "./pause-lanes.ts"
import type { RateLimitTables } from "./rate-limit-tables.ts"
import type { RegistryVersionTables } from "./registry-version-tables.ts"
import type { SignerTables } from "./signer-tables.ts"
import type { WebhookTables } from "./webhook-tables.ts"

type EventColumns = {
  ledger_id: string
  position: bigint
  type: string
  version: number
  operation_id: string | null
  sequence: number | null
  account_id: bigint | null
  amount: bigint | null
  balance_after: bigint | null
  occurred_at: Date
  recorded_at: Date
  causation: string
  data: ColumnType<unknown, string, never>
  details: ColumnType<unknown, string | null, never>
  salt: Buffer | null
  details_hash: Buffer | null
  prev_hash: Buffer
  hash: Buffer
}

export type HoldState = "open" | "captured" | "released" | "expired"

type TablesElsewhere = HoldTables &
  AnchorTables &
  AuditTables &
  GasTables &
  IdentityTables &
  ImportTables &
  RateLimitTables &
  RegistryVersionTables &
  SignerTables &
  WebhookTables

/** Tables of the schemas `registry`, `ledger`, `settlement`, `webhooks` and the views of `chain`, as rows come and go. int8 and numeric are bigint. */
export type Database = TablesElsewhere & {
  "registry.ledgers": {
    ledger_id: string
    name: string
    identifier_salt: Buffer
    created_at: Generated<Date>
  }
  "registry.apps": {
    app_id: string
    ledger_id: string
    name: string
    created_at: Generated<Date>
    ordinal: Generated<bigint>
  }
  "registry.chains": {
    chain_id: bigint
    name: string
    confirmation_blocks: number
    finality: "depth" | "safe"
    block_time_ms: number
    start_block: bigint
    genesis_hash: string
    explorer_url: string | null
    wallet_manager: string
    wallet_init_code_hash: string
    audit_anchor: string | null
    transaction_type: Generated<"auto" | "eip1559" | "legacy">
    max_fee_per_gas: Generated<bigint | null>
    replace_after_ms: Generated<bigint>
    replace_after_max_ms: Generated<bigint>
    private_relay_alone_ms: Generated<bigint | null>
    is_retired: Generated<boolean>
    created_at: Generated<Date>
  }
  "registry.tokens": {
    token_id: Generated<number>
    chain_id: bigint
    token_address: string
    symbol: string
    name: string
    decimals: number
    features: string[]
    settlement_mode: SettlementMode
    /** The contract that pays the token's batches out: only in the mode treasury. */
    treasury: Generated<string | null>
    start_block: bigint
    is_default: boolean
    strategy: ColumnType<unknown, string, string>
    drift_threshold: bigint
    reconciliation_interval_ms: Generated<bigint>
    is_retired: Generated<boolean>
    created_at: Generated<Date>
  }
  "registry.reasons": {
    reason_type: string
    description: string
    allowed_metadata: string[]
    auto_batch: boolean
    priority: Priority
    business_type: string
    is_retired: Generated<boolean>
  }
  "registry.processes": {
    process_id: string
    role: string
    pid: number
    host: string
    version: string
    started_at: Date
    heartbeat_at: Date
    details: ColumnType<unknown, string, string>
  }
  "registry.alarms": {
    alarm_id: string
    alarm_sequence: Generated<bigint>
    kind: string
    subject: string
    ledger_id: string | null
    message: string
    raised_at: Generated<Date>
    cleared_at: Date | null
  }
  "ledger.head": {
    ledger_id: string
    position: bigint
    recorded_at: Generated<Date>
    hash: Buffer
    account_count: bigint
    batch_count: bigint
  }
  "ledger.events": EventColumns
  /** Every event, archived or not. */
  "ledger.event_log": EventColumns
  "ledger.accounts": {
    ledger_id: string
    account_id: bigint
    user_id: string
    token_id: number
    address: string
    opened_position: bigint
  }
  "ledger.balances": {
    ledger_id: string
    account_id: bigint
    pending: bigint
    confirmed: bigint
    locked: bigint
    position: bigint
    changed_at: Date
    confirmed_at: Date | null
  }
  "ledger.operations": {
    ledger_id: string
    operation_id: string
    sequence: number
    request_hash: Buffer
    route: string
    first_position: bigint
    last_position: bigint
    recorded_at: Date
    answer_context: ColumnType<unknown, string, never>
  }
  "ledger.event_partitions": {
    first_position: bigint
    last_position: bigint
    name: string
    created_at: Generated<Date>
    archived_at: Date | null
  }
  "ledger.holds": {
    ledger_id: string
    position: bigint
    account_id: bigint
    amount: bigint
    expires_at: Date
    state: HoldState
    captured: bigint
    ended_position: bigint | null
  }
  "ledger.reversals": { ledger_id: string; reversed_position: bigint; position: bigint }
  "ledger.balance_history": {
    ledger_id: string
    account_id: bigint
    position: bigint
    pending: bigint
    confirmed: bigint
    locked: bigint
  }
  "ledger.chain_cursors": {
    chain_id: bigint
    block_number: bigint
    block_hash: string
    block_time: Date
    updated_at: Date
  }
  "ledger.confirmed_blocks": { chain_id: bigint; block_number: bigint; block_hash: string }
  "ledger.address_scans": { ledger_id: string; chain_id: bigint; position: bigint }
  "ledger.confirmations": {
    ledger_id: string
    position: bigint
    chain_id: bigint
    block_number: bigint
    block_hash: string
    log_index: number
    account_id: bigint | null
    batch_sequence: bigint | null
    revoked_position: bigint | null
  }
  "ledger.reconciliation_runs": {
    ledger_id: string
    run_id: string
    token_id: number
    trigger: "schedule" | "demand"
    user_id: string | null
    state: "requested" | "finished" | "failed"
    requested_at: Date
    finished_at: Date | null
    block_number: bigint | null
    block_hash: string | null
    position: bigint | null
    accounts_compared: number | null
    supply_ledger: bigint | null
    supply_indexer: bigint | null
    supply_chain: bigint | null
    supply_elsewhere: bigint | null
    error: string | null
  }
  "ledger.drifts": {
    ledger_id: string
    run_id: string
    drift_id: string
    account_id: bigint | null
    ledger_amount: bigint
    indexer_amount: bigint
    chain_amount: bigint
    cause: string
  }
  "settlement.lanes": {
    ledger_id: string
    token_id: number
    lease_owner: string | null
    lease_epoch: Generated<bigint>
    lease_expires_at: Date | null
    paused_at: Date | null
    paused_reason: string | null
    paused_by: PauseKind | null
    resumed_at: Date | null
    flush_requested_at: Date | null
    last_error: string | null
  }
  "settlement.intake": { ledger_id: string; position: bigint }
  "settlement.batches": BatchSavingColumns & {
    ledger_id: string
    batch_sequence: bigint
    token_id: number
    batch_id: string
    content_hash: string
    deltas: Buffer
    batch_call: Generated<BatchCall>
    trigger: BatchTrigger
    strategy: string
    congestion: ChainCongestion | null
    size_wanted: number
    recipients: number
    changes: number
    state: BatchState
    sealed_position: bigint
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
    claimed_by: Generated<string | null>
    claimed_until: Generated<Date | null>
    /** Of the SettlementDissolved. */
    dissolved_position: Generated<bigint | null>
    /** From when on nothing is signed for the batch but what takes its id out of use; who asked for that, and why. */
    cancel_requested_at: Generated<Date | null>
    cancel_requested_by: Generated<string | null>
    cancel_reason: Generated<string | null>
    /** keccak256 of the only calldata that is signed from then on. */
    cancel_calldata_hash: Generated<string | null>
    /** Of the SettlementCancelled that stands. */
    cancelled_position: Generated<bigint | null>
    oldest_change_at: Date
    sealed_at: Date
    broadcast_at: Date | null
    mined_at: Date | null
    confirmed_at: Date | null
  }
  "settlement.batch_accounts": {
    ledger_id: string
    batch_sequence: bigint
    account_id: bigint
    delta: bigint
    state: "open" | "reopened" | "settled" | "deferred"
  }
  "settlement.batch_items": {
    ledger_id: string
    position: bigint
    account_id: bigint
    token_id: number
    amount: bigint
    priority: number
    is_immediate: boolean
    deadline: Date
    recorded_at: Date
    state: "waiting" | "sealed" | "settled" | "netted" | "discarded"
    batch_sequence: bigint | null
    deferrals: Generated<number>
    deferred_block: bigint | null
  }
  "settlement.dead_letters": {
    dead_letter_id: Generated<bigint>
    ledger_id: string
    token_id: number
    account_id: bigint
    batch_sequence: bigint | null
    through_position: bigint
    reason: string
    opened_at: Date
    closed_at: Date | null
    outcome: "retried" | "discarded" | null
    closed_by: string | null
  }
}

export type BatchTrigger = "size" | "max_wait_time" | "priority" | "value_threshold" | "gas_price" | "flush"
/** How busy a chain is, against its own recent past. */
export type ChainCongestion = "low" | "medium" | "high"
export type BatchState =
  | "sealed"
  | "simulated"
  | "signed"
  | "broadcast"
  | "mined"
  | "confirmed"
  | "cancelled"
  | "dead_letter"
