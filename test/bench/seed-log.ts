import { hash } from "node:crypto"
import pg from "pg"
import { copyIn } from "../support/copy-in.ts"
import { type CopyRows, emptyRows, pushRow, takeRows } from "./copy-rows.ts"
import { appendSeedOperation, type SeedLog, type SeedReason, startSeedLog } from "./seed-generator.ts"
import { leaveWaiting, type SeedSettlement, settleWaiting, startSeedSettlement } from "./seed-settlement.ts"

export type SeedOptions = {
  /** A login that owns the tables; a superuser saves the checks of foreign keys. */
  readonly databaseUrl: string
  /** A ledger without events. */
  readonly ledgerId: string
  readonly tokenId: number
  readonly reasons: readonly SeedReason[]
  /** At least so many; the last operation is complete. */
  readonly events: number
  readonly users: number
  readonly adjustmentsPerOperation?: number
  /** The share of batches of changes that are sealed and confirmed. Without it nothing has been taken in; with 0, everything waits. */
  readonly settledShare?: number
  readonly onProgress?: (events: number) => void
}

const operationsPerChunk = 2_000
const changesPerBatch = 2_000
const spanMs = 30 * 86_400_000

const eventColumns = `ledger_id, position, type, version, operation_id, sequence, account_id, amount, balance_after, occurred_at, recorded_at,
  causation, data, details, salt, details_hash, prev_hash, hash`
const operationColumns =
  "ledger_id, operation_id, sequence, request_hash, route, first_position, last_position, recorded_at, answer_context"

/**
 * Fills an empty ledger with a log as the product would have written it: hash chain, details, operations, accounts, balances, head, and batches where wanted. Secondary indexes are
 * dropped and made again, all in one transaction.
 */
export async function seedLog(
  options: SeedOptions,
): Promise<{ readonly events: number; readonly accounts: number }> {
  // Two, so that the server stores rows of both while we make the next ones.
  const [main, other] = [await connect(options.databaseUrl), await connect(options.databaseUrl)]
  try {
    const log = await planLog(main, options)
    const settlement = startSeedSettlement()
    const random = mulberry32(1)
    if (options.settledShare !== undefined) log.onChange = (change) => settlement.waiting.push(change)
    await main.query("SELECT ledger.ensure_event_partitions($1)", [2 * options.events + 1_000_000])
    const restoreIndexes = await dropIndexes(main)
    let number = 0
    let sent: Promise<unknown> = Promise.resolve()
    while (log.head.position < log.plan.events) {
      for (let count = 0; count < operationsPerChunk && log.head.position < log.plan.events; count += 1) {
        appendSeedOperation(log, number, random)
        number += 1
        if (settlement.waiting.length >= changesPerBatch) {
          if (random() < (options.settledShare ?? 0)) settleWaiting(log, settlement)
          else leaveWaiting(log, settlement)
        }
      }
      await sent
      sent = Promise.all([
        send(main, `ledger.events (${eventColumns})`, log.rows.events),
        sendOthers(other, log, settlement),
      ])
      sent.catch(() => undefined)
      options.onProgress?.(log.head.position)
    }
    await sent
    leaveWaiting(log, settlement)
    await sendOthers(other, log, settlement)
    await storeRest(main, log, settlement, options)
    await restoreIndexes()
    await other.query("COMMIT")
    await main.query("COMMIT")
    await main.query("ANALYZE")
    return { events: log.head.position, accounts: log.accounts.length }
  } finally {
    await Promise.all([main.end(), other.end()])
  }
}

async function connect(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: "chainbridge-seed" })
  await client.connect()
  const { rows } = await client.query("SELECT current_setting('is_superuser') AS is_superuser")
  await client.query("SET timezone = 'UTC'; SET synchronous_commit = off; SET maintenance_work_mem = '256MB'")
  if (rows[0]?.is_superuser === "on") await client.query("SET session_replication_role = replica")
  await client.query("BEGIN")
  return client
}

async function planLog(client: pg.Client, options: SeedOptions): Promise<SeedLog> {
  const { rows } = await client.query(
    `SELECT h.position, t.chain_id, t.token_address FROM ledger.head h, registry.tokens t
     WHERE h.ledger_id = $1 AND t.token_id = $2 FOR UPDATE OF h`,
    [options.ledgerId, options.tokenId],
  )
  const [row] = rows
  if (row === undefined)
    throw new Error(`there is no ledger ${options.ledgerId} or no token ${options.tokenId}`)
  if (row.position !== 0n) throw new Error(`ledger ${options.ledgerId} has ${row.position} events already`)
  const lastAt = new Date()
  return startSeedLog({
    ledgerId: options.ledgerId,
    token: { tokenId: options.tokenId, chainId: Number(row.chain_id), tokenAddress: row.token_address },
    reasons: options.reasons,
    events: options.events,
    users: options.users,
    adjustmentsPerOperation: options.adjustmentsPerOperation ?? 1,
    // Not the wallet's: deriving it takes twenty times as long as everything else of an account.
    addressOf: (userId) => `0x${hash("sha256", `${options.ledgerId} ${userId}`).slice(0, 40)}`,
    firstAt: new Date(lastAt.getTime() - spanMs),
    lastAt,
  })
}

/** @returns makes them again */
async function dropIndexes(client: pg.Client): Promise<() => Promise<void>> {
  const { rows } = await client.query<{ name: string; definition: string }>(
    `SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
     FROM pg_index WHERE indrelid = 'ledger.events'::regclass AND NOT indisunique`,
  )
  for (const { name } of rows) await client.query(`DROP INDEX ${name}`)
  return async () => {
    for (const { definition } of rows) await client.query(definition.replace(" ON ONLY ", " ON "))
  }
}

async function send(client: pg.Client, target: string, rows: CopyRows): Promise<void> {
  if (rows.length === 0) return
  const bytes = takeRows(rows)
  const copy = await copyIn(client, `COPY ${target} FROM STDIN`)
  await copy.write(bytes)
  await copy.end()
}

async function sendOthers(client: pg.Client, log: SeedLog, { rows }: SeedSettlement): Promise<void> {
  await send(client, `ledger.operations (${operationColumns})`, log.rows.operations)
  const items =
    "ledger_id, position, account_id, token_id, amount, priority, is_immediate, deadline, recorded_at, state, batch_sequence"
  await send(client, `settlement.batch_items (${items})`, rows.items)
  await send(
    client,
    "settlement.batch_accounts (ledger_id, batch_sequence, account_id, delta, state)",
    rows.batchAccounts,
  )
  const batches = `ledger_id, batch_sequence, token_id, batch_id, content_hash, deltas, trigger, strategy, size_wanted, recipients, changes, state,
    sealed_position, tx_hash, block_number, block_hash, oldest_change_at, sealed_at, confirmed_at`
  await send(client, `settlement.batches (${batches})`, rows.batches)
  await send(
    client,
    "ledger.balance_history (ledger_id, account_id, position, pending, confirmed, locked)",
    rows.history,
  )
  const confirmations =
    "ledger_id, position, chain_id, block_number, block_hash, log_index, account_id, batch_sequence, revoked_position"
  await send(client, `ledger.confirmations (${confirmations})`, rows.confirmations)
}

async function storeRest(
  client: pg.Client,
  { plan, head, accounts }: SeedLog,
  settlement: SeedSettlement,
  options: SeedOptions,
): Promise<void> {
  const { ledgerId, token } = plan
  const [accountRows, balanceRows] = [emptyRows(), emptyRows()]
  for (const account of accounts) {
    const { accountId, userId, address, openedPosition, pending, confirmed } = account
    pushRow(accountRows, [ledgerId, accountId, userId, token.tokenId, address, openedPosition])
    pushRow(balanceRows, [
      ...[ledgerId, accountId, pending, confirmed, 0],
      ...[account.position, account.changedAt, account.confirmedAt],
    ])
  }
  await send(
    client,
    "ledger.accounts (ledger_id, account_id, user_id, token_id, address, opened_position)",
    accountRows,
  )
  await send(
    client,
    "ledger.balances (ledger_id, account_id, pending, confirmed, locked, position, changed_at, confirmed_at)",
    balanceRows,
  )
  if (options.settledShare !== undefined) {
    await client.query(
      "INSERT INTO settlement.lanes (ledger_id, token_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
      [ledgerId, token.tokenId],
    )
    await client.query("INSERT INTO settlement.intake (ledger_id, position) VALUES ($1, $2)", [
      ledgerId,
      head.position,
    ])
  }
  await client.query(
    "UPDATE ledger.head SET position = $2, hash = $3, account_count = $4, batch_count = $5, recorded_at = $6 WHERE ledger_id = $1",
    [ledgerId, head.position, head.hash, accounts.length, settlement.batchCount, head.at],
  )
}

/** Numbers in [0, 1), the same ones every time. */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 4_294_967_296
  }
}
