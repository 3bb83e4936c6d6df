import { type Kysely, sql } from "kysely"
import type { Hex } from "viem"
import type { Database } from "../../ledger/store/database.ts"
import type { SingleCosts } from "../domain/single-gas.ts"

export type TokenToCalibrate = {
  readonly tokenId: number
  readonly address: Hex
  readonly decimals: number
  readonly newest: {
    readonly measuredAt: Date
    readonly codeHash: string
    readonly problem: string | null
  } | null
}

/** Tokens of a chain whose single calls are mints and burns, with their newest calibration. */
export async function loadTokensToCalibrate(
  db: Kysely<Database>,
  chainId: bigint,
): Promise<TokenToCalibrate[]> {
  const { rows } = await sql<{
    token_id: number
    token_address: string
    decimals: number
    measured_at: Date | null
    code_hash: string | null
    problem: string | null
  }>`
    SELECT t.token_id, t.token_address, t.decimals, c.measured_at, c.code_hash, c.problem
    FROM registry.tokens t
    LEFT JOIN LATERAL (
      SELECT measured_at, code_hash, problem FROM settlement.gas_calibrations
      WHERE token_id = t.token_id ORDER BY measured_at DESC, calibration_id DESC LIMIT 1) AS c ON true
    WHERE t.chain_id = ${chainId} AND t.settlement_mode IN ('settle', 'batch-mint-burn')
    ORDER BY t.token_id`.execute(db)
  return rows.map((row) => ({
    tokenId: row.token_id,
    address: row.token_address as Hex,
    decimals: row.decimals,
    newest:
      row.measured_at === null || row.code_hash === null
        ? null
        : { measuredAt: row.measured_at, codeHash: row.code_hash, problem: row.problem },
  }))
}

/** An account that the token is confirmed for: of the first that were opened, whoever has the most. */
export async function findHolder(db: Kysely<Database>, tokenId: number): Promise<Hex | null> {
  const { rows } = await sql<{ address: string }>`
    SELECT a.address FROM (
      SELECT ledger_id, account_id, address FROM ledger.accounts WHERE token_id = ${tokenId} LIMIT 1000) AS a
    JOIN ledger.balances b ON b.ledger_id = a.ledger_id AND b.account_id = a.account_id
    WHERE b.confirmed > 1 ORDER BY b.confirmed DESC LIMIT 1`.execute(db)
  return (rows[0]?.address as Hex | undefined) ?? null
}

export type NewCalibration = {
  readonly tokenId: number
  readonly measuredAt: Date
  readonly blockNumber: bigint
  readonly blockHash: string
  readonly codeHash: string
  readonly measured:
    | {
        readonly method: "eth_simulateV1" | "eth_estimateGas"
        readonly roles: "held" | "assumed"
        readonly costs: SingleCosts
      }
    | { readonly problem: string }
}

/** Adds a calibration; those before it stay what the batches of their time are judged by. */
export async function insertCalibration(db: Kysely<Database>, calibration: NewCalibration): Promise<void> {
  const { measured } = calibration
  await db
    .insertInto("settlement.gas_calibrations")
    .values({
      token_id: calibration.tokenId,
      measured_at: calibration.measuredAt,
      block_number: calibration.blockNumber,
      block_hash: calibration.blockHash,
      code_hash: calibration.codeHash,
      ...("problem" in measured
        ? { problem: measured.problem }
        : {
            method: measured.method,
            roles: measured.roles,
            mint_new: measured.costs.mintNew,
            mint_existing: measured.costs.mintExisting,
            burn_part: measured.costs.burnPart,
            burn_all: measured.costs.burnAll,
          }),
    })
    .execute()
}
