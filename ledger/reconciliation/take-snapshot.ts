import { type Kysely, sql, type Transaction } from "kysely"
import { readIndexerHead } from "../confirmations/indexer-progress.ts"
import { whenIndexed } from "../confirmations/indexer-unavailable.ts"
import type { Database } from "../store/database.ts"
import { withSnapshot } from "../store/with-snapshot.ts"
import type { NotNow, ReconciliationRun } from "./reconciliation-run.ts"

export type BlockPoint = { readonly blockNumber: bigint; readonly blockHash: string }

export type AccountFigures = {
  readonly accountId: bigint
  readonly address: string
  readonly ledger: bigint
  readonly indexer: bigint
}

/** Both of our own sides of a comparison, as of one moment. */
export type Snapshot = {
  /** The block up to which the chain is confirmed: what everything is compared at. */
  readonly watermark: BlockPoint
  /** The newest event of the ledger. */
  readonly position: bigint
  /** What vouches for the indexer's figures, if the endpoints know it. */
  readonly indexerHead: BlockPoint
  readonly accounts: readonly AccountFigures[]
  /** null for a run of one user, and of a token that is not minted for us. */
  readonly indexerSupply: bigint | null
}

/** Accounts in one run. Each takes some 300 bytes here while it is compared. */
const accountsMax = 1_000_000

/**
 * Reads cursor, confirmed balances and indexed transfers in one read-only snapshot. The cursor moves in the transaction that confirms, so the balances are those of its block,
 * of every account whose earlier logs have been looked up. Transfers above that block are not counted.
 * @param openedThrough accounts opened up to this position have to be among them; the head's position of this moment unless given
 */
export async function takeSnapshot(
  db: Kysely<Database>,
  run: ReconciliationRun,
  openedThrough: bigint | undefined,
): Promise<Snapshot | (NotNow & { readonly position?: bigint })> {
  const read = await whenIndexed(() => withSnapshot(db, (trx) => readSides(trx, run, openedThrough)))
  return "unavailable" in read ? { notNow: read.unavailable } : read
}

async function readSides(
  trx: Transaction<Database>,
  run: ReconciliationRun,
  openedThrough: bigint | undefined,
): Promise<Snapshot | (NotNow & { readonly position: bigint })> {
  const ledger = await readLedger(trx, run)
  const { watermark, position, scanned } = ledger
  if (watermark === null)
    return { notNow: `nothing of chain ${run.chainId} has been confirmed yet`, position }
  const late = await countLate(trx, run, scanned, openedThrough ?? position)
  if (late > 0)
    return {
      notNow: `the chain's past of ${late} new accounts is not confirmed yet`,
      position: openedThrough ?? position,
    }
  const rows = await readFigures(trx, run, watermark.blockNumber, scanned)
  if (rows.length > accountsMax)
    return { notNow: `there are more than ${accountsMax} accounts to compare`, position }
  // In the same snapshot as the transfers, so every transfer at or below it is among them.
  const indexerHead = await readIndexerHead(trx, run.chainId)
  if (indexerHead === null)
    return { notNow: "the indexer has not reached the tip of the chain yet", position }
  if (indexerHead.blockNumber < watermark.blockNumber) {
    const where = `${indexerHead.blockNumber}, confirmations at ${watermark.blockNumber}`
    return { notNow: `the indexer is behind the confirmations: it is at block ${where}`, position }
  }
  const accounts: AccountFigures[] = []
  let indexerSupply: bigint | null = null
  for (const row of rows) {
    if (row.account_id === null) indexerSupply = row.indexed
    else
      accounts.push({
        accountId: row.account_id,
        address: row.address,
        ledger: row.confirmed,
        indexer: row.indexed,
      })
  }
  return { watermark, position, indexerHead, accounts, indexerSupply }
}

async function readLedger(
  trx: Transaction<Database>,
  run: ReconciliationRun,
): Promise<{ watermark: BlockPoint | null; position: bigint; scanned: bigint }> {
  const { rows } = await sql<{
    block_number: bigint | null
    block_hash: string | null
    position: bigint
    scanned: bigint
  }>`
    SELECT c.block_number, c.block_hash, h.position, coalesce(s.position, 0) AS scanned
    FROM ledger.head h
    LEFT JOIN ledger.chain_cursors c ON c.chain_id = ${run.chainId}
    LEFT JOIN ledger.address_scans s ON s.ledger_id = h.ledger_id AND s.chain_id = ${run.chainId}
    WHERE h.ledger_id = ${run.ledgerId}`.execute(trx)
  const [row] = rows
  if (row === undefined) throw new TypeError(`there is no ledger ${run.ledgerId}`)
  const { block_number: blockNumber, block_hash: blockHash, position, scanned } = row
  const watermark = blockNumber === null || blockHash === null ? null : { blockNumber, blockHash }
  return { watermark, position, scanned }
}

/** Accounts whose earlier logs may be missing from the ledger. */
async function countLate(
  trx: Transaction<Database>,
  run: ReconciliationRun,
  scanned: bigint,
  openedThrough: bigint,
): Promise<bigint> {
  const { rows } = await sql<{ count: bigint }>`
    SELECT count(*) AS count FROM ledger.accounts
    WHERE ledger_id = ${run.ledgerId} AND token_id = ${run.tokenId} ${onlyUser(run)}
      AND opened_position > ${scanned} AND opened_position <= ${openedThrough}`.execute(trx)
  return rows[0]?.count ?? 0n
}

type FiguresRow = { account_id: bigint | null; address: string; confirmed: bigint; indexed: bigint }

/**
 * What each account received without what it sent. The zero address sends mints and receives burns, so the supply is what it sent without what it received: the row
 * without an account. For one user only the transfers of his address are looked at, and the supply is left out; so it is for a token that is not minted for us.
 */
async function readFigures(
  trx: Transaction<Database>,
  run: ReconciliationRun,
  blockNumber: bigint,
  scanned: bigint,
): Promise<FiguresRow[]> {
  const isComplete = run.userId === null
  // Who mints somebody else's token need not say so in a Transfer, and did it long before we looked.
  const hasSupply = isComplete && run.hasOwnSupply
  if (isComplete) await planForWholeTables(trx)
  const of = (column: "to" | "from") =>
    isComplete
      ? sql``
      : sql`AND ${sql.ref(`t.${column}`)} = (
          SELECT address FROM ledger.accounts
          WHERE ledger_id = ${run.ledgerId} AND token_id = ${run.tokenId} AND user_id = ${run.userId})`
  const upToBlock = sql`t.chain_id = ${run.chainId} AND t.token = ${run.tokenAddress} AND t.block_number <= ${blockNumber}`
  const supply = sql`
    UNION ALL
    SELECT NULL::bigint, ${zeroAddress}, 0,
      coalesce((SELECT amount FROM sent WHERE address = ${zeroAddress}), 0)
        - coalesce((SELECT amount FROM received WHERE address = ${zeroAddress}), 0)`
  const { rows } = await sql<FiguresRow>`
    WITH received AS MATERIALIZED (
      SELECT t."to" AS address, sum(t.amount) AS amount FROM chain.transfer_event t WHERE ${upToBlock} ${of("to")} GROUP BY t."to"
    ), sent AS MATERIALIZED (
      SELECT t."from" AS address, sum(t.amount) AS amount FROM chain.transfer_event t WHERE ${upToBlock} ${of("from")} GROUP BY t."from"
    )
    SELECT a.account_id, a.address, b.confirmed, coalesce(received.amount, 0) - coalesce(sent.amount, 0) AS indexed
    FROM ledger.accounts a
    JOIN ledger.balances b ON b.ledger_id = a.ledger_id AND b.account_id = a.account_id
    LEFT JOIN received ON received.address = a.address
    LEFT JOIN sent ON sent.address = a.address
    WHERE a.ledger_id = ${run.ledgerId} AND a.token_id = ${run.tokenId} AND a.opened_position <= ${scanned} ${onlyUser(run, "a")}
    ${hasSupply ? supply : sql``}
    LIMIT ${accountsMax + 2}`.execute(trx)
  return rows
}

/**
 * For a sum over all transfers the planner's usual choices are far off. It takes the indexer's tables, which may be new and without statistics, for small and loops over them for each account,
 * a time that grows with the square of the accounts; and it reads every row of a table through an index to save a sort, one page at a time. Both are ruled out for this transaction.
 */
async function planForWholeTables(trx: Transaction<Database>): Promise<void> {
  await sql`
    SELECT set_config('enable_nestloop', 'off', true), set_config('enable_indexscan', 'off', true), set_config('work_mem', '32MB', true)`.execute(
    trx,
  )
}

const zeroAddress = `0x${"00".repeat(20)}`

function onlyUser({ userId }: ReconciliationRun, table = "accounts") {
  return userId === null ? sql`` : sql`AND ${sql.ref(`${table}.user_id`)} = ${userId}`
}
