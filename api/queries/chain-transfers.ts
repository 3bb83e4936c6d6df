import { type Kysely, sql } from "kysely"
import { type IndexerUnavailable, whenIndexed } from "../../ledger/confirmations/indexer-unavailable.ts"
import type { Database } from "../../ledger/store/database.ts"

/** A transfer that the indexer saw, from or to an account. */
export type ChainTransferRow = {
  readonly token_id: number
  readonly address: string
  readonly block_number: bigint
  readonly block_hash: string
  readonly block_time: bigint
  readonly transaction_hash: string
  readonly log_index: number
  readonly from: string
  readonly to: string
  readonly amount: bigint
  /** Whether it is how a batch brought changes of the ledger to the chain. */
  readonly is_settlement: boolean
  readonly is_confirmed: boolean
}

/** A place in a chain's logs. */
export type LogPlace = { readonly blockNumber: bigint; readonly logIndex: number }

export type TransferQuery = {
  readonly ledgerId: string
  readonly chainId: bigint
  readonly accounts: readonly {
    readonly token_id: number
    readonly address: string
    readonly token: string
  }[]
  /** Only what is before it. */
  readonly below: LogPlace
  /** Whatever the ledger has recorded up to this position is left out: it is in the ledger's own rows. */
  readonly throughPosition: bigint
  readonly withSettlements: boolean
  readonly status?: "submitted" | "confirmed" | undefined
  readonly from?: Date | undefined
  readonly to?: Date | undefined
}

export type FoundTransfers = {
  /** Newest first. */
  readonly rows: readonly ChainTransferRow[]
  /** Where the search goes on that was ended before it had found enough, and the time of that place. */
  readonly floor: (LogPlace & { readonly time: Date }) | null
}

/** So many transfers of an account are looked through by one statement. */
const stepTransfers = 2_000

type Row = ChainTransferRow & { readonly is_listed: boolean; readonly place: bigint }

/** Transfers of accounts on one chain, which the ledger has no row of, newest first: a bounded walk down the indexer's indexes. */
export function readChainTransfers(
  db: Kysely<Database>,
  query: TransferQuery,
  limit: number,
  step: number = stepTransfers,
): Promise<FoundTransfers | IndexerUnavailable> {
  return whenIndexed(() => read(db, query, limit, step))
}

async function read(
  db: Kysely<Database>,
  query: TransferQuery,
  limit: number,
  step: number,
): Promise<FoundTransfers> {
  const { chainId, ledgerId, below, from, to } = query
  const seconds = (date: Date): number => Math.ceil(date.getTime() / 1_000)
  const range = sql.join(
    [
      sql`t.block_number <= ${below.blockNumber}`,
      sql`(t.block_number, t.log_index) < (${below.blockNumber}, ${below.logIndex})`,
      ...(from === undefined ? [] : [sql`t.block_time >= ${seconds(from)}`]),
      ...(to === undefined ? [] : [sql`t.block_time < ${seconds(to)}`]),
    ],
    sql` AND `,
  )
  const branches = query.accounts.flatMap(({ token_id, address, token }) =>
    [sql.ref("t.from"), sql.ref("t.to")].map(
      (side) => sql`(
        SELECT ${token_id}::integer AS token_id, ${address}::text AS address, t.block_number, t.block_hash, t.block_time,
          t.transaction_hash, t.log_index, t."from", t."to", t.amount,
          row_number() OVER (ORDER BY t.block_number DESC, t.log_index DESC) AS place
        FROM chain.transfer_event t
        WHERE t.chain_id = ${chainId} AND t.token = ${token} AND ${side} = ${address} AND ${range}
        ORDER BY t.block_number DESC, t.log_index DESC LIMIT ${step}
      )`,
    ),
  )
  const { rows } = await sql<Row>`
    WITH found AS MATERIALIZED (${sql.join(branches, sql` UNION ALL `)}), judged AS (
      SELECT f.*, coalesce(f.block_number <= k.block_number, false) AS is_confirmed, EXISTS (
          SELECT FROM chain.batch_settled_event b
          WHERE b.chain_id = ${chainId} AND b.block_hash = f.block_hash AND b.transaction_hash = f.transaction_hash
        ) OR EXISTS (
          SELECT FROM settlement.transactions x WHERE x.chain_id = ${chainId} AND x.hash = f.transaction_hash
        ) AS is_settlement, EXISTS (
          SELECT FROM ledger.confirmations c JOIN ledger.accounts a USING (ledger_id, account_id)
          WHERE c.ledger_id = ${ledgerId} AND c.chain_id = ${chainId} AND c.block_hash = f.block_hash AND c.log_index = f.log_index
            AND a.address = f.address AND a.token_id = f.token_id
            AND c.revoked_position IS NULL AND c.position <= ${query.throughPosition}
        ) AS is_recorded
      FROM found f LEFT JOIN ledger.chain_cursors k ON k.chain_id = ${chainId}
    ), listed AS (
      SELECT j.*, NOT j.is_recorded
        AND (${query.withSettlements} OR NOT j.is_settlement)
        AND (${query.status ?? null}::text IS NULL OR (${query.status ?? null}::text = 'confirmed') = j.is_confirmed) AS is_listed
      FROM judged j
    )
    SELECT * FROM listed WHERE is_listed OR place = ${step}
    ORDER BY block_number DESC, log_index DESC, is_listed DESC LIMIT ${2 * limit + branches.length}`.execute(
    db,
  )
  // One that was read to its limit says nothing of what is below it: there the search ends for all of them.
  const end = rows.find((row) => Number(row.place) === step)
  const isAbove = (row: Row): boolean =>
    end === undefined ||
    row.block_number > end.block_number ||
    (row.block_number === end.block_number && row.log_index >= end.log_index)
  const known = new Set<string>()
  const above = rows.filter((row) => {
    // From and to the same address, it was found twice.
    const key = `${row.token_id} ${row.block_hash} ${row.log_index}`
    if (!row.is_listed || !isAbove(row) || known.has(key)) return false
    known.add(key)
    return true
  })
  const isEnough = above.length >= limit || end === undefined
  return {
    rows: above.slice(0, limit),
    floor: isEnough
      ? null
      : { blockNumber: end.block_number, logIndex: end.log_index, time: timeOf(end.block_time) },
  }
}

export function timeOf(blockTime: bigint): Date {
  return new Date(Number(blockTime) * 1_000)
}
