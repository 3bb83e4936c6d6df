/** What the demo reads of the API's answers; /openapi.json describes them in full. */
export type AdjustmentAnswer = {
  readonly operation_id: string
  readonly position: string
  readonly transactions: readonly { readonly tx_id: string; readonly user_id: string }[]
}

export type BalanceAnswer = {
  readonly balances: readonly {
    readonly token_symbol: string
    readonly confirmed_balance: string
    readonly pending_balance: string
    readonly available_balance: string
  }[]
}

export type WalletAnswer = {
  readonly wallets: readonly { readonly chain_id: number; readonly aa_address: `0x${string}` }[]
}

export type TokensAnswer = {
  readonly tokens: readonly {
    readonly chain_id: number
    readonly symbol: string
    readonly contract_address: `0x${string}`
    readonly decimals: number
    readonly is_default: boolean
  }[]
}

export type ReasonsAnswer = {
  readonly reasons: readonly { readonly reason_type: string; readonly allowed_metadata: readonly string[] }[]
}

export type Pagination = { readonly next_cursor: string | null; readonly has_more: boolean }

export type Batch = {
  readonly batch_id: string
  readonly batch_sequence: string
  readonly status: "preparing" | "submitted" | "confirmed" | "failed"
  readonly trigger: string
  readonly batch_metrics: { readonly operation_count: number; readonly actual_batch_size: number }
  readonly gas_analysis: { readonly actual_gas_used: number | null }
  readonly blockchain_info: {
    readonly block_number: number | null
    readonly mined_at: string | null
    readonly confirmed_at: string | null
  }
}

export type Change = {
  readonly tx_id: string
  readonly operation_id: string | null
  readonly user_id: string
  readonly amount: string
  readonly status: string
  readonly settled_by: "batch" | "netting" | "chain" | null
  readonly batch_id: string | null
  readonly recorded_at: string
}

export type BatchesAnswer = { readonly batches: readonly Batch[]; readonly pagination: Pagination }
export type BatchAnswer = Batch & { readonly adjustments: readonly Change[]; readonly pagination: Pagination }
export type OperationAnswer = { readonly transactions: readonly Change[]; readonly pagination: Pagination }

export type ReconciliationRun = {
  readonly run_id: string
  readonly state: "requested" | "finished" | "failed"
  readonly watermark: { readonly block_number: number } | null
  readonly accounts_compared: number | null
  readonly drift_count: number | null
  readonly drifts_by_cause: Readonly<Record<string, number>>
  readonly error: string | null
}
