import { sql } from "kysely"
import { cpuSecondsOf } from "./cpu-seconds.ts"
import { blockGasLimit, type SettlementSystem } from "./settlement-system.ts"

export type DrainFigures = {
  readonly signers: number
  readonly changes: number
  readonly recipients: number
  readonly batches: number
  /** From the first seal to the moment at which the last receipt was read. */
  readonly seconds: number
  readonly changesPerSecond: number
  /** From the start of the batcher's process to its first seal. */
  readonly secondsToFirstSeal: number
  /** From the first with a batch to the last one. */
  readonly blocks: number
  /** Of all of these blocks' gas limits, by our batches. */
  readonly blockGasUsedPercent: number
  /** Of the blocks without the first and the last. */
  readonly innerBlockGasUsedPercent: number | null
  readonly gasPerRecipient: number
  /** Processor seconds, from the start of the batcher's process to its end. */
  readonly cpuSeconds: { readonly batcher: number; readonly database: number; readonly chain: number }
}

const drainTimeoutMs = 120_000

/** Records changes, lets a batcher settle them and measures that from what the database and the chain have. */
export async function measureDrain(
  system: SettlementSystem,
  signers: number,
  changes: readonly (readonly [userId: string, amountBaseUnits: bigint])[],
): Promise<DrainFigures> {
  await system.record(changes)
  const before = await lastBatch(system)
  const startedAt = Date.now()
  const { pids } = system
  const cpuBefore = { database: cpuSecondsOf(pids.database), chain: cpuSecondsOf(pids.chain) }
  const drainer = system.drainWith(signers)
  await untilDrained(system)
  const cpuSeconds = {
    batcher: cpuSecondsOf(drainer.child.pid ?? 0),
    database: cpuSecondsOf(pids.database) - cpuBefore.database,
    chain: cpuSecondsOf(pids.chain) - cpuBefore.chain,
  }
  await drainer.stop()
  const figures = await readFigures(system, before, startedAt)
  await system.confirm()
  return { signers, ...figures, cpuSeconds }
}

async function lastBatch({ db, ledgerId }: SettlementSystem): Promise<bigint> {
  const { rows } = await sql<{ last: bigint | null }>`
    SELECT max(batch_sequence) AS last FROM settlement.batches WHERE ledger_id = ${ledgerId}`.execute(db)
  return rows[0]?.last ?? 0n
}

async function untilDrained({ db, ledgerId }: SettlementSystem): Promise<void> {
  const giveUpAt = Date.now() + drainTimeoutMs
  for (;;) {
    const { rows } = await sql<{ is_done: boolean }>`
      SELECT (SELECT position FROM settlement.intake WHERE ledger_id = ${ledgerId}) = (SELECT position FROM ledger.head WHERE ledger_id = ${ledgerId})
        AND NOT EXISTS (SELECT FROM settlement.batch_items WHERE ledger_id = ${ledgerId} AND state = 'waiting')
        AND NOT EXISTS (SELECT FROM settlement.batches WHERE ledger_id = ${ledgerId} AND state NOT IN ('mined', 'confirmed')) AS is_done`.execute(
      db,
    )
    // What the seal appends moves the head, and is taken in a moment later.
    if (rows[0]?.is_done === true) return
    if (Date.now() > giveUpAt) throw new Error(`the queue is not drained: ${await describe(db, ledgerId)}`)
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

async function describe(db: SettlementSystem["db"], ledgerId: string): Promise<string> {
  const { rows } = await sql<{ what: string; count: bigint; said: string | null }>`
    SELECT state AS what, count(*), max(last_error) AS said FROM settlement.batches WHERE ledger_id = ${ledgerId} GROUP BY state
    UNION ALL
    SELECT 'changes ' || state, count(*), NULL FROM settlement.batch_items WHERE ledger_id = ${ledgerId} GROUP BY state`.execute(
    db,
  )
  return rows
    .map(({ what, count, said }) => `${count} ${what}${said === null ? "" : ` (${said})`}`)
    .join(", ")
}

async function readFigures({ db, chain, ledgerId }: SettlementSystem, before: bigint, startedAt: number) {
  const { rows } = await sql<{
    changes: bigint
    recipients: bigint
    batches: bigint
    first_seal: Date
    last_mined: Date
    first_block: bigint
    last_block: bigint
    gas_used: bigint
    gas_inner: bigint
  }>`
    WITH drained AS (
      SELECT b.*, min(block_number) OVER () AS first_block, max(block_number) OVER () AS last_block
      FROM settlement.batches b WHERE ledger_id = ${ledgerId} AND batch_sequence > ${before})
    SELECT sum(changes) AS changes, sum(recipients) AS recipients, count(*) AS batches, min(sealed_at) AS first_seal, max(mined_at) AS last_mined,
      min(first_block) AS first_block, max(last_block) AS last_block, sum(gas_used)::numeric AS gas_used,
      coalesce(sum(gas_used) FILTER (WHERE block_number > first_block AND block_number < last_block), 0)::numeric AS gas_inner
    FROM drained`.execute(db)
  const [row] = rows
  if (row === undefined) throw new Error("nothing was drained")
  const head = await chain.getBlock({ blockNumber: row.last_block })
  if (Number(head.gasLimit) !== blockGasLimit) throw new Error(`a block has a gas limit of ${head.gasLimit}`)
  const changes = Number(row.changes)
  const recipients = Number(row.recipients)
  const seconds = (row.last_mined.getTime() - row.first_seal.getTime()) / 1_000
  const blocks = Number(row.last_block - row.first_block) + 1
  const percentOf = (gas: bigint, of: number) => (Number(gas) / (of * blockGasLimit)) * 100
  return {
    changes,
    recipients,
    batches: Number(row.batches),
    seconds,
    changesPerSecond: changes / seconds,
    secondsToFirstSeal: (row.first_seal.getTime() - startedAt) / 1_000,
    blocks,
    blockGasUsedPercent: percentOf(row.gas_used, blocks),
    innerBlockGasUsedPercent: blocks > 2 ? percentOf(row.gas_inner, blocks - 2) : null,
    gasPerRecipient: Number(row.gas_used) / recipients,
  }
}
