import { type Kysely, sql } from "kysely"
import type { ChainLogOf } from "../domain/chain-log.ts"
import { observeTransfer } from "../domain/decide-confirmations.ts"
import type { Database } from "../store/database.ts"
import { type ChainCursor, lockCursor, lockLedgers } from "./chain-locks.ts"
import type { ChainToken } from "./confirm-blocks.ts"
import { loadOwnership } from "./load-ownership.ts"
import { recordFindings } from "./record-findings.ts"

export type LateAccounts = {
  readonly ledgerId: string
  /** Scanned so far, and with these accounts. */
  readonly fromPosition: bigint
  readonly toPosition: bigint
  readonly accounts: readonly { readonly tokenId: number; readonly address: string }[]
}

const accountsMax = 2_000

/**
 * Accounts of a chain that were opened since the last scan. Their addresses may have moved tokens in blocks that were confirmed before anybody knew that
 * they are ours.
 */
export async function findLateAccounts(db: Kysely<Database>, chainId: number): Promise<LateAccounts[]> {
  const { rows } = await sql<{ ledger_id: string; from_position: bigint; head_position: bigint }>`
    SELECT h.ledger_id, coalesce(s.position, 0) AS from_position, h.position AS head_position
    FROM ledger.head h
    LEFT JOIN ledger.address_scans s ON s.ledger_id = h.ledger_id AND s.chain_id = ${chainId}
    WHERE h.position > coalesce(s.position, 0) ORDER BY h.ledger_id`.execute(db)
  const late: LateAccounts[] = []
  for (const row of rows) {
    const { rows: accounts } = await sql<{ token_id: number; address: string; opened_position: bigint }>`
      SELECT a.token_id, a.address, a.opened_position FROM ledger.accounts a
      JOIN registry.tokens t ON t.token_id = a.token_id AND t.chain_id = ${chainId}
      WHERE a.ledger_id = ${row.ledger_id} AND a.opened_position > ${row.from_position} AND a.opened_position <= ${row.head_position}
      ORDER BY a.opened_position LIMIT ${accountsMax}`.execute(db)
    const last = accounts.at(-1)
    const isCut = accounts.length === accountsMax && last !== undefined
    late.push({
      ledgerId: row.ledger_id,
      fromPosition: row.from_position,
      toPosition: isCut ? last.opened_position : row.head_position,
      accounts: accounts.map((account) => ({ tokenId: account.token_id, address: account.address })),
    })
  }
  return late
}

/**
 * Records what late accounts did on chain at or below the cursor, under the same keys as everything else, and moves the scan in the same transaction.
 * @param step.transfers every transfer of these addresses at or below the cursor that no settlement explains
 * @returns the number of events, or `moved` where the cursor is no longer where the transfers were read
 */
export function confirmLateAccounts(
  db: Kysely<Database>,
  chain: { readonly chainId: number; readonly tokens: readonly ChainToken[] },
  late: LateAccounts,
  step: { readonly cursor: ChainCursor; readonly transfers: readonly ChainLogOf<"Transfer">[] },
  now: Date,
): Promise<number | "moved"> {
  return db.transaction().execute(async (trx) => {
    if (!(await lockCursor(trx, chain.chainId, step.cursor))) return "moved"
    let appended = 0
    if (step.transfers.length > 0) {
      const ledgers = await lockLedgers(trx, [late.ledgerId])
      for (const token of chain.tokens) {
        const transfers = step.transfers.filter((transfer) => transfer.address === token.tokenAddress)
        const ownership = await loadOwnership(trx, token.tokenId, chain.chainId, [late.ledgerId], transfers)
        const findings = transfers
          .filter(({ transactionHash }) => !ownership.isOwnTransaction(transactionHash))
          .flatMap((transfer) => observeTransfer(transfer, ownership.accountOf))
        appended += await recordFindings(trx, ledgers, findings, now)
      }
    }
    await sql`
      INSERT INTO ledger.address_scans (ledger_id, chain_id, position)
      VALUES (${late.ledgerId}, ${chain.chainId}, ${late.toPosition})
      ON CONFLICT (ledger_id, chain_id) DO UPDATE SET position = greatest(ledger.address_scans.position, excluded.position)`.execute(
      trx,
    )
    return appended
  })
}
