import { type Kysely, sql } from "kysely"
import type { Database } from "../store/database.ts"
import type { ReconciliationRun } from "./reconciliation-run.ts"

type Row = {
  ledger_id: string
  run_id: string
  token_id: number
  token_address: string
  symbol: string
  has_own_supply: boolean
  user_id: string | null
  drift_threshold: bigint
}

/** The oldest run of a chain that was asked for and has no result. @param except run ids whose time has not come */
export async function findNextRun(
  db: Kysely<Database>,
  chainId: number,
  except: readonly string[],
): Promise<ReconciliationRun | undefined> {
  const { rows } = await sql<Row>`
    SELECT r.ledger_id, r.run_id, r.token_id, t.token_address, t.symbol, t.settlement_mode <> 'treasury' AS has_own_supply, r.user_id, t.drift_threshold
    FROM ledger.reconciliation_runs r
    JOIN registry.tokens t ON t.token_id = r.token_id AND t.chain_id = ${chainId}
    WHERE r.state = 'requested' AND r.run_id <> ALL(${[...except]}::uuid[])
    ORDER BY r.requested_at, r.run_id LIMIT 1`.execute(db)
  const [row] = rows
  if (row === undefined) return undefined
  return {
    ledgerId: row.ledger_id,
    runId: row.run_id,
    chainId,
    tokenId: row.token_id,
    tokenAddress: row.token_address,
    symbol: row.symbol,
    hasOwnSupply: row.has_own_supply,
    userId: row.user_id,
    driftThreshold: row.drift_threshold,
  }
}
