import { type Kysely, sql } from "kysely"
import { type Hex, keccak256 } from "viem"
import type { BatchCall } from "../../ledger/domain/batch-calls.ts"
import type { NewEvent } from "../../ledger/domain/events.ts"
import { batchIdOf, encodeDeltas } from "../../ledger/domain/packed-deltas.ts"
import { append } from "../../ledger/store/append.ts"
import type { BatchTrigger, ChainCongestion, Database } from "../../ledger/store/database.ts"
import { type LedgerTransaction, withHead } from "../../ledger/store/ledger-transaction.ts"
import { invariant } from "../../platform/errors.ts"
import type { AccountFold } from "../domain/fold.ts"
import { accountsHeldBack } from "./held-back.ts"
import { notifyLaneChanged } from "./lane-changed.ts"
import type { LaneRow } from "./lanes.ts"
import { type Lease, requireLane } from "./leases.ts"

export type SealCommand = {
  readonly lane: LaneRow
  readonly lease: Lease
  readonly trigger: BatchTrigger
  readonly batchCall: BatchCall
  readonly strategy: string
  /** null: not measured. */
  readonly congestion: ChainCongestion | null
  readonly sizeWanted: number
  /** Become one transaction. */
  readonly nets: readonly AccountFold[]
  /** Need none. */
  readonly zeros: readonly AccountFold[]
  readonly addressOf: (accountId: bigint) => string
  readonly sealedAt: Date
}

export type SealResult =
  | { readonly outcome: "sealed"; readonly batchSequence: bigint | null }
  /** The lane was paused, or somebody else has taken a change or an account: look again. */
  | { readonly outcome: "stale" }

/**
 * Seals a fold: the batch, its accounts and items and the events, in one commit under the head's lock, where it is checked again that every change still waits and
 * that no account is in another batch.
 * @throws ChainBridgeError LEASE_LOST
 */
export function sealBatch(db: Kysely<Database>, command: SealCommand): Promise<SealResult> {
  const { lane, lease, nets, zeros, sealedAt } = command
  return withHead(db, lane.ledgerId, async (ledger): Promise<SealResult> => {
    await requireLane(ledger.trx, lane, lease)
    if (!(await isStillFree(ledger, command))) return { outcome: "stale" }
    const events: NewEvent[] = []
    let batchSequence: bigint | null = null
    if (nets.length > 0) {
      batchSequence = ledger.batchCount + 1n
      events.push(await insertBatch(ledger, command, batchSequence))
    }
    if (zeros.length > 0) {
      events.push({
        type: "SettlementNetted",
        data: {
          accounts: zeros.map(({ accountId, positions }) => ({
            account_id: Number(accountId),
            positions: positions.map(Number),
          })),
        },
        operation: null,
        account: null,
        occurredAt: sealedAt,
        causation:
          batchSequence === null
            ? `lane:${lane.tokenId}`
            : `batch:${batchIdOf(lane.ledgerId, batchSequence)}`,
        details: null,
      })
    }
    await append(ledger, events, sealedAt)
    await notifyLaneChanged(ledger.trx, lane.ledgerId)
    return { outcome: "sealed", batchSequence }
  })
}

async function isStillFree(ledger: LedgerTransaction, { lane, nets, zeros }: SealCommand): Promise<boolean> {
  const accounts = [...nets, ...zeros]
  const accountIds = accounts.map(({ accountId }) => accountId.toString())
  const positions = accounts.flatMap((account) => account.positions.map(String))
  const { rows } = await sql<{ busy: bigint; waiting: bigint; is_paused: boolean }>`
    SELECT
      (SELECT count(*) FROM settlement.batch_accounts WHERE ledger_id = ${lane.ledgerId}
        AND account_id = ANY(${accountIds}::bigint[]) AND state = 'open')
      + (SELECT count(*) FROM settlement.batch_accounts WHERE ledger_id = ${lane.ledgerId}
        AND account_id = ANY(${accountIds}::bigint[]) AND state = 'reopened')
      + (SELECT count(*) FROM (${accountsHeldBack(lane)}) AS held WHERE account_id = ANY(${accountIds}::bigint[])) AS busy,
      (SELECT count(*) FROM settlement.batch_items WHERE ledger_id = ${lane.ledgerId}
        AND position = ANY(${positions}::bigint[]) AND state = 'waiting') AS waiting,
      (SELECT paused_at IS NOT NULL FROM settlement.lanes WHERE ledger_id = ${lane.ledgerId} AND token_id = ${lane.tokenId}) AS is_paused`.execute(
    ledger.trx,
  )
  const [row] = rows
  invariant(row !== undefined, "a query without a FROM has one row")
  return row.busy === 0n && row.waiting === BigInt(positions.length) && !row.is_paused
}

async function insertBatch(
  ledger: LedgerTransaction,
  command: SealCommand,
  batchSequence: bigint,
): Promise<NewEvent> {
  const { lane, nets, sealedAt } = command
  const deltas = encodeDeltas(
    nets.map(({ accountId, net }) => ({ address: command.addressOf(accountId) as Hex, amount: net })),
  )
  const batchId = batchIdOf(lane.ledgerId, batchSequence)
  const contentHash = keccak256(deltas)
  await ledger.trx
    .insertInto("settlement.batches")
    .values({
      ledger_id: lane.ledgerId,
      batch_sequence: batchSequence,
      token_id: lane.tokenId,
      batch_id: batchId,
      content_hash: contentHash,
      deltas: Buffer.from(deltas.slice(2), "hex"),
      batch_call: command.batchCall,
      trigger: command.trigger,
      strategy: command.strategy,
      congestion: command.congestion,
      size_wanted: command.sizeWanted,
      recipients: nets.length,
      changes: nets.reduce((count, account) => count + account.positions.length, 0),
      state: "sealed",
      // The event that seals it is the first that this transaction appends.
      sealed_position: ledger.position + 1n,
      oldest_change_at: new Date(Math.min(...nets.map((account) => account.oldestMs))),
      sealed_at: sealedAt,
    })
    .execute()
  return {
    type: "SettlementSealed",
    data: {
      batch_sequence: Number(batchSequence),
      batch_id: batchId,
      content_hash: contentHash,
      chain_id: Number(lane.chainId),
      token_address: lane.tokenAddress,
      trigger: command.trigger,
      accounts: nets.map(({ accountId, net, positions }) => ({
        account_id: Number(accountId),
        net: net.toString(),
        positions: positions.map(Number),
      })),
    },
    operation: null,
    account: null,
    occurredAt: sealedAt,
    causation: `batch:${batchId}`,
    details: null,
  }
}
