import type { Generated } from "kysely"

/** Rows of what is measured about gas. */
export type GasTables = {
  "settlement.gas_calibrations": {
    calibration_id: Generated<bigint>
    token_id: number
    measured_at: Date
    block_number: bigint
    block_hash: string
    code_hash: string
    method: "eth_simulateV1" | "eth_estimateGas" | null
    roles: "held" | "assumed" | null
    mint_new: bigint | null
    mint_existing: bigint | null
    burn_part: bigint | null
    burn_all: bigint | null
    problem: string | null
  }
  "settlement.nettings": {
    ledger_id: string
    position: bigint
    token_id: number
    netted_at: Date
    changes: number
    is_accounted: Generated<boolean>
    calibration_id: bigint | null
    single_gas_changes: bigint | null
  }
}

/** Columns of `settlement.batches` that say what a confirmed batch saved. */
export type BatchSavingColumns = {
  confirmed_position: bigint | null
  accounted_position: bigint | null
  calibration_id: bigint | null
  settled_recipients: number | null
  settled_changes: number | null
  credited_recipients: number | null
  new_holders: number | null
  single_gas_recipients: bigint | null
  single_gas_changes: bigint | null
}
