import { sql, type Transaction } from "kysely"
import { type Hex, keccak256 } from "viem"
import { ChainBridgeError } from "../../platform/errors.ts"
import { unguardedCalls } from "../domain/batch-calls.ts"
import type { NewEvent, NewEventOf } from "../domain/events.ts"
import { batchIdOf, decodeDeltas } from "../domain/packed-deltas.ts"
import type { Replay } from "../domain/replay.ts"
import { type ReplayedBatch, readBatch } from "../domain/replay-batches.ts"
import type { Database } from "../store/database.ts"
import { parseEvent, readEventsAt } from "../store/read-events.ts"
import type { Problem } from "./find-difference.ts"

const pageBatches = 20
/** Accounts and changes of the batches that are compared at a time: each of them comes as a row, and once more in the events. */
const groupRows = 5_000

type BatchRow = Awaited<ReturnType<typeof loadBatches>>[number]
type AccountRow = Awaited<ReturnType<typeof loadBatchAccounts>>[number]
type Event = NewEvent | undefined

/**
 * Every SettlementSealed has its rows in `settlement.batches` and `batch_accounts`: ids, hash, the bytes that the chain is sent, and what became of each account by the replay.
 * Takes addresses and tokens from `ledger.accounts`, so verify that first.
 */
export async function verifyBatches(
  trx: Transaction<Database>,
  ledgerId: string,
  replay: Replay,
): Promise<Problem | null> {
  let last = 0n
  for (;;) {
    const page = await loadBatches(trx, ledgerId, last)
    for (const rows of inGroups(page)) {
      const problem = await compareGroup(trx, ledgerId, { rows, replay, last })
      if (problem !== null) return problem
      last = rows.at(-1)?.batch_sequence ?? last
    }
    if (page.length < pageBatches) break
  }
  if (last !== BigInt(replay.batches.size)) {
    return {
      position: null,
      problem: `settlement.batches ends at batch ${last}, the log seals ${replay.batches.size}`,
    }
  }
  return findStray(trx, ledgerId)
}

/** A row that belongs to no batch and no account would be read with neither. */
async function findStray(trx: Transaction<Database>, ledgerId: string): Promise<Problem | null> {
  const { rows } = await sql<{ batch_sequence: bigint; account_id: bigint }>`
    SELECT c.batch_sequence, c.account_id FROM settlement.batch_accounts c
    LEFT JOIN settlement.batches b ON b.ledger_id = c.ledger_id AND b.batch_sequence = c.batch_sequence
    LEFT JOIN ledger.accounts a ON a.ledger_id = c.ledger_id AND a.account_id = c.account_id
    WHERE c.ledger_id = ${ledgerId} AND (b.batch_sequence IS NULL OR a.account_id IS NULL) LIMIT 1`.execute(
    trx,
  )
  const [stray] = rows
  if (stray === undefined) return null
  return {
    position: null,
    problem: `settlement.batch_accounts has account ${stray.account_id} of batch ${stray.batch_sequence}, and there is no such account or batch`,
  }
}

/** Whatever a row says of its size, one batch is a group. */
function inGroups(page: readonly BatchRow[]): BatchRow[][] {
  const groups: BatchRow[][] = []
  let left = 0
  for (const row of page) {
    const size = row.recipients + row.changes
    const group = size <= left ? groups.at(-1) : undefined
    if (group === undefined) groups.push([row])
    else group.push(row)
    left = (group === undefined ? groupRows : left) - size
  }
  return groups
}

/** @param group.last the batch before them */
async function compareGroup(
  trx: Transaction<Database>,
  ledgerId: string,
  group: { readonly rows: readonly BatchRow[]; readonly replay: Replay; readonly last: bigint },
): Promise<Problem | null> {
  const { rows, replay } = group
  let { last } = group
  const accounts = Map.groupBy(
    await loadBatchAccounts(trx, ledgerId, last, rows.at(-1)?.batch_sequence),
    (account) => account.batch_sequence,
  )
  const events = await loadEvents(trx, ledgerId, rows, replay)
  for (const row of rows) {
    const sequence = row.batch_sequence
    const batch = readBatch(replay.batches, sequence)
    const own = accounts.get(sequence) ?? []
    const problem =
      batch === undefined
        ? "the log seals no such batch"
        : sequence !== last + 1n
          ? `the row of batch ${last + 1n} is missing before it`
          : (compareSealed(row, own, events.get(row.sealed_position), ledgerId) ??
            compareConfirmed(row, batch, events) ??
            compareAccounts(own, batch))
    if (problem !== null) {
      const position = batch === undefined ? null : row.sealed_position
      return { position, problem: `settlement.batches, batch ${sequence}: ${problem}` }
    }
    last = sequence
  }
  return null
}

function compareSealed(
  row: BatchRow,
  accounts: readonly AccountRow[],
  event: Event,
  ledgerId: string,
): string | null {
  if (event?.type !== "SettlementSealed" || BigInt(event.data.batch_sequence) !== row.batch_sequence) {
    return `position ${row.sealed_position} does not seal it`
  }
  const { data } = event
  const deltas: Hex = `0x${row.deltas.toString("hex")}`
  const changes = data.accounts.reduce((count, account) => count + account.positions.length, 0)
  const columns: readonly (readonly [string, unknown, unknown])[] = [
    ["batch_id", row.batch_id, data.batch_id],
    ["batch_id", row.batch_id, batchIdOf(ledgerId, row.batch_sequence)],
    ["content_hash", row.content_hash, data.content_hash],
    ["the hash of deltas", keccak256(deltas), data.content_hash],
    ["chain_id of its token", row.chain_id, BigInt(data.chain_id)],
    ["token_address of its token", row.token_address, data.token_address],
    ["trigger", row.trigger, data.trigger],
    ["recipients", row.recipients, data.accounts.length],
    ["changes", row.changes, changes],
    ["sealed_at", row.sealed_at.toISOString(), event.occurredAt.toISOString()],
  ]
  for (const [name, stored, logged] of columns) {
    if (stored !== logged) return `${name} is ${stored}, the log says ${logged}`
  }
  return compareDeltas(row, deltas, accounts, event)
}

/** The bytes pay the addresses of the accounts, in the order in which the event names them, what the event says. */
function compareDeltas(
  row: BatchRow,
  deltas: Hex,
  accounts: readonly AccountRow[],
  { data }: NewEventOf<"SettlementSealed">,
): string | null {
  const rows = new Map(accounts.map((account) => [account.account_id, account]))
  const decoded = decodedOrRefused(deltas)
  if (typeof decoded === "string") return `deltas cannot be read: ${decoded}`
  if (decoded.length !== data.accounts.length) {
    return `deltas has ${decoded.length} records, the log says ${data.accounts.length}`
  }
  for (const [index, { account_id: id, net }] of data.accounts.entries()) {
    const account = rows.get(BigInt(id))
    if (account === undefined) return `settlement.batch_accounts lacks account ${id}`
    if (account.delta.toString() !== net) {
      return `settlement.batch_accounts, account ${id}: delta is ${account.delta}, the log says ${net}`
    }
    if (account.token_id !== row.token_id) return `account ${id} is one of another token`
    const delta = decoded[index]
    if (delta?.address !== account.address || delta.amount.toString() !== net) {
      return `deltas has ${delta?.amount} for ${delta?.address}, the log says ${net} for ${account.address}, account ${id}`
    }
  }
  return null
}

function decodedOrRefused(deltas: Hex): ReturnType<typeof decodeDeltas> | string {
  try {
    return decodeDeltas(deltas)
  } catch (error) {
    if (error instanceof ChainBridgeError) return error.message
    throw error
  }
}

/** A batch is confirmed, or cancelled, where a confirmation of the log stands, by the transaction that this one names. */
function compareConfirmed(
  row: BatchRow,
  { confirmedPosition, dissolvedPosition, cancelledPosition }: ReplayedBatch,
  events: ReadonlyMap<bigint, NewEvent>,
): string | null {
  if (row.dissolved_position !== null && row.has_nonce)
    return "it was taken apart, and settlement.nonces has a nonce for it"
  if (row.dissolved_position !== dissolvedPosition)
    return `dissolved_position is ${row.dissolved_position}, by the log it is ${dissolvedPosition}`
  if (row.cancelled_position !== cancelledPosition)
    return `cancelled_position is ${row.cancelled_position}, by the log it is ${cancelledPosition}`
  const [endPosition, endState] =
    cancelledPosition === null ? [confirmedPosition, "confirmed"] : [cancelledPosition, "cancelled"]
  if (endPosition === null) {
    if (row.state === "confirmed" || row.state === "cancelled")
      return `state is ${row.state}, and no confirmation stands`
    return row.confirmed_position === null
      ? null
      : `confirmed_position is ${row.confirmed_position}, and no confirmation stands`
  }
  if (row.state !== endState) return `state is ${row.state}, position ${endPosition} says ${endState}`
  const event = events.get(endPosition)
  if (event?.type !== (endState === "confirmed" ? "SettlementConfirmed" : "SettlementCancelled"))
    return `position ${endPosition} does not say that it is ${endState}`
  const { data } = event
  const columns: readonly (readonly [string, unknown, unknown])[] = [
    ["batch_id", row.batch_id, data.batch_id],
    ["chain_id of its token", row.chain_id, BigInt(data.chain_id)],
    ["tx_hash", row.tx_hash, data.transaction_hash],
    ["block_number", row.block_number, BigInt(data.block_number)],
    ["block_hash", row.block_hash, data.block_hash],
    ["confirmed_position", row.confirmed_position, confirmedPosition],
    ["confirmed_at", row.confirmed_at?.toISOString(), row.confirmation_recorded_at?.toISOString()],
  ]
  for (const [name, stored, logged] of columns) {
    if (stored !== logged) return `${name} is ${stored}, position ${endPosition} says ${logged}`
  }
  return null
}

function compareAccounts(rows: readonly AccountRow[], batch: ReplayedBatch): string | null {
  for (const row of rows) {
    const state = row.state === "open" || row.state === "reopened" ? "held" : row.state
    const account = batch.accounts.get(row.account_id)
    if (account === undefined)
      return `settlement.batch_accounts has account ${row.account_id}, the log does not`
    if (account.state !== state) {
      return `settlement.batch_accounts, account ${row.account_id}: state is ${row.state}, by the log it is ${account.state}`
    }
  }
  return rows.length === batch.accounts.size
    ? null
    : `settlement.batch_accounts has ${rows.length} rows, the log says ${batch.accounts.size}`
}

function loadBatches(trx: Transaction<Database>, ledgerId: string, after: bigint) {
  return (
    trx
      .selectFrom("settlement.batches as b")
      .innerJoin("registry.tokens as t", "t.token_id", "b.token_id")
      .select(["b.batch_sequence", "b.batch_id", "b.content_hash", "b.deltas", "b.token_id", "b.trigger"])
      .select(["b.recipients", "b.changes", "b.state", "b.sealed_position", "b.sealed_at"])
      .select([
        "b.tx_hash",
        "b.block_number",
        "b.block_hash",
        "b.dissolved_position",
        "b.cancelled_position",
        "b.confirmed_position",
        "b.confirmed_at",
        "t.chain_id",
        "t.token_address",
      ])
      .select(
        sql<Date | null>`(SELECT e.recorded_at FROM ledger.event_log e WHERE e.ledger_id = b.ledger_id AND e.position = b.confirmed_position)`.as(
          "confirmation_recorded_at",
        ),
      )
      // Without a guard, one that was shown to be used up by something else is as good as none.
      .select(
        sql<boolean>`(EXISTS (
        SELECT FROM settlement.nonces n WHERE n.ledger_id = b.ledger_id AND n.batch_sequence = b.batch_sequence
          AND (b.batch_call <> ALL(${unguardedCalls}::text[]) OR n.spent_in_vain_at IS NULL))
        OR settlement.may_still_be_mined(b.ledger_id, b.batch_sequence))`.as("has_nonce"),
      )
      .where("b.ledger_id", "=", ledgerId)
      .where("b.batch_sequence", ">", after)
      .orderBy("b.batch_sequence")
      .limit(pageBatches)
      .execute()
  )
}

function loadBatchAccounts(
  trx: Transaction<Database>,
  ledgerId: string,
  after: bigint,
  upto: bigint | undefined,
) {
  return trx
    .selectFrom("settlement.batch_accounts as b")
    .innerJoin("ledger.accounts as a", (join) =>
      join.onRef("a.ledger_id", "=", "b.ledger_id").onRef("a.account_id", "=", "b.account_id"),
    )
    .select(["b.batch_sequence", "b.account_id", "b.delta", "b.state", "a.address", "a.token_id"])
    .where("b.ledger_id", "=", ledgerId)
    .where("b.batch_sequence", ">", after)
    .where("b.batch_sequence", "<=", upto ?? after)
    .execute()
}

async function loadEvents(
  trx: Transaction<Database>,
  ledgerId: string,
  rows: readonly BatchRow[],
  replay: Replay,
): Promise<ReadonlyMap<bigint, NewEvent>> {
  const positions = rows.flatMap((row) => {
    const batch = readBatch(replay.batches, row.batch_sequence)
    return [row.sealed_position, ...[batch?.confirmedPosition ?? [], batch?.cancelledPosition ?? []].flat()]
  })
  const stored = await readEventsAt(trx, ledgerId, positions)
  return new Map(stored.map((event) => [event.position, parseEvent(event)]))
}
