import fc from "fast-check"
import { sql } from "kysely"
import type { EventDataOf, NewEvent } from "../../ledger/domain/events.ts"
import { revokeEvent } from "../../ledger/domain/revoke-event.ts"
import { append } from "../../ledger/store/append.ts"
import {
  balanceOf,
  type LedgerTransaction,
  loadBalances,
  withHead,
} from "../../ledger/store/ledger-transaction.ts"
import { parseEvent, readEventsAt } from "../../ledger/store/read-events.ts"
import { type HandSettlement, settleByHand } from "./settle-by-hand.ts"
import type { TestLedger } from "./test-ledger.ts"

/** One thing that may happen to a ledger. What the log before it does not allow is left out. */
export type LogStep =
  | { readonly kind: "adjust"; readonly user: number; readonly amount: number }
  | { readonly kind: "hold"; readonly user: number; readonly amount: number }
  | { readonly kind: "end hold"; readonly how: "capture" | "release" | "expire"; readonly part: number }
  | { readonly kind: "observe"; readonly user: number; readonly amount: number }
  | { readonly kind: "settle"; readonly drift: number | null }
  | { readonly kind: "revoke" }

const user = fc.nat({ max: 3 })
const amount = fc.integer({ min: 1, max: 90 })

/** Steps with what the clock says at each: it jumps, also back. */
export const logSteps = fc.array(
  fc.record({
    clockMs: fc.integer({ min: 0, max: 2_000 }),
    step: fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant("adjust" as const),
          user,
          amount: fc.integer({ min: -60, max: 90 }),
        }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("hold" as const), user, amount }) },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant("end hold" as const),
          how: fc.constantFrom("capture" as const, "release" as const, "expire" as const),
          part: amount,
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant("observe" as const),
          user,
          amount: fc.integer({ min: -20, max: 40 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant("settle" as const),
          drift: fc.constantFrom(null, 0, 0, 3, -2),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("revoke" as const) }) },
    ) satisfies fc.Arbitrary<LogStep>,
  }),
  { minLength: 5, maxLength: 40 },
)

const userIds = ["ann", "bob", "carl", "dora"] as const
const epoch = Date.UTC(2020, 0, 1)
const holdsEnd = new Date(epoch + 500)
const change = {
  reason_type: "reward",
  business_type: "reward",
  priority: "normal" as const,
  is_immediate: false,
  max_wait_ms: null,
  business_batch_id: null,
}
const hashOf = (number: bigint) => `0x${number.toString(16).padStart(64, "0")}`

/** Makes the steps happen to an empty ledger, by the append that everybody uses. */
export async function writeRandomLog(
  ledger: Pick<TestLedger, "db" | "ledgerId" | "tokenId">,
  steps: readonly { readonly clockMs: number; readonly step: LogStep }[],
): Promise<void> {
  const settlement = await settleByHand(ledger.db, ledger.ledgerId, ledger.tokenId)
  for (const { clockMs, step } of steps) {
    const at = new Date(epoch + clockMs)
    const batch = step.kind === "settle" ? await seal(ledger, settlement, at) : null
    await withHead(ledger.db, ledger.ledgerId, async (head) => {
      if (step.kind !== "settle") await append(head, await eventsOf(head, step), at)
      else if (batch !== null && step.drift !== null)
        await append(head, await confirm(head, batch, step.drift), at)
    })
  }
}

async function seal(
  { db, ledgerId }: Pick<TestLedger, "db" | "ledgerId">,
  hand: HandSettlement,
  at: Date,
): Promise<bigint | null> {
  await hand.takeIn()
  const { rows } = await sql`
    SELECT FROM settlement.batch_items WHERE ledger_id = ${ledgerId} AND state = 'waiting' LIMIT 1`.execute(
    db,
  )
  return rows.length === 0 ? null : hand.seal("settle", at)
}

/** What the chain did of a batch: what was planned, and so much more for each account. */
async function confirm(head: LedgerTransaction, batchSequence: bigint, drift: number): Promise<NewEvent[]> {
  const { rows } = await sql<{ batch_id: string; account_id: bigint; delta: bigint }>`
    SELECT b.batch_id, a.account_id, a.delta FROM settlement.batches b JOIN settlement.batch_accounts a USING (ledger_id, batch_sequence)
    WHERE b.ledger_id = ${head.ledgerId} AND b.batch_sequence = ${batchSequence}`.execute(head.trx)
  const { counterparty, ...place } = chainFact(head.position)
  const accounts = rows.map(({ account_id, delta }) => ({
    account_id: Number(account_id),
    settled: delta.toString(),
    amount: (delta + BigInt(drift)).toString(),
  }))
  const data = {
    ...place,
    batch_sequence: Number(batchSequence),
    batch_id: rows[0]?.batch_id ?? counterparty,
    accounts,
  }
  const occurredAt = new Date(epoch)
  return [
    {
      type: "SettlementConfirmed",
      data,
      operation: null,
      account: null,
      occurredAt,
      causation: "log:test",
      details: null,
    },
  ]
}

async function eventsOf(
  head: LedgerTransaction,
  step: Exclude<LogStep, { kind: "settle" }>,
): Promise<NewEvent[]> {
  switch (step.kind) {
    case "adjust": {
      const { accountId, opening } = await accountOf(head, step.user)
      const before = balanceOf(head, accountId)
      const by = BigInt(step.amount)
      if (by === 0n || (by < 0n && before.pending + by < before.locked)) return []
      const data = { ...change, confirmed_after: before.confirmed.toString(), request_hash: "ab".repeat(32) }
      return [...opening, single(head, "AdjustmentRecorded", data, accountId, by)]
    }
    case "hold": {
      const { accountId, opening } = await accountOf(head, step.user)
      const { pending, locked } = balanceOf(head, accountId)
      if (pending - locked < BigInt(step.amount)) return []
      const data = { ...change, amount: String(step.amount), expires_at: holdsEnd.toISOString() }
      return [...opening, single(head, "HoldPlaced", data, accountId, 0n)]
    }
    case "end hold":
      return endHold(head, step)
    case "observe": {
      const { accountId, opening } = await accountOf(head, step.user)
      const by = BigInt(step.amount)
      if (by === 0n) return []
      const type = by > 0n ? "DepositObserved" : "WithdrawalObserved"
      return [...opening, single(head, type, chainFact(head.position), accountId, by)]
    }
    case "revoke":
      return revoke(head)
  }
}

/** The account of a user, opened where it is not there yet. */
async function accountOf(
  head: LedgerTransaction,
  index: number,
): Promise<{ accountId: bigint; opening: NewEvent[] }> {
  const userId = userIds[index] ?? userIds[0]
  const { rows } = await sql<{ account_id: bigint }>`
    SELECT account_id FROM ledger.accounts WHERE ledger_id = ${head.ledgerId} AND user_id = ${userId}`.execute(
    head.trx,
  )
  if (rows[0] !== undefined) {
    await loadBalances(head, [rows[0].account_id])
    return { accountId: rows[0].account_id, opening: [] }
  }
  const accountId = head.accountCount + 1n
  head.balances.set(accountId, { pending: 0n, confirmed: 0n, locked: 0n })
  const salt = BigInt(`0x${head.ledgerId.replaceAll("-", "")}`)
  const data = {
    user_id: userId,
    chain_id: 31_337,
    token_address: `0x${"44".repeat(20)}`,
    address: `0x${((salt << 8n) + accountId).toString(16).slice(-40).padStart(40, "0")}`,
  }
  return { accountId, opening: [single(head, "AccountOpened", data, accountId, 0n)] }
}

async function endHold(
  head: LedgerTransaction,
  step: Extract<LogStep, { kind: "end hold" }>,
): Promise<NewEvent[]> {
  const { rows } = await sql<{ position: bigint; account_id: bigint; amount: bigint }>`
    SELECT position, account_id, amount FROM ledger.holds WHERE ledger_id = ${head.ledgerId} AND state = 'open' ORDER BY position LIMIT 1`.execute(
    head.trx,
  )
  const [hold] = rows
  if (hold === undefined) return []
  await loadBalances(head, [hold.account_id])
  const all = hold.amount.toString()
  const hold_position = Number(hold.position)
  switch (step.how) {
    case "capture": {
      const captured = BigInt(step.part) < hold.amount ? BigInt(step.part) : hold.amount
      const data = {
        ...change,
        hold_position,
        captured: captured.toString(),
        released: (hold.amount - captured).toString(),
      }
      return [single(head, "HoldCaptured", data, hold.account_id, -captured)]
    }
    case "release":
      return [single(head, "HoldReleased", { hold_position, released: all }, hold.account_id, 0n)]
    case "expire":
      return [single(head, "HoldExpired", { hold_position, released: all }, hold.account_id, 0n)]
  }
}

/** Takes the newest fact of the chain back that still stands. */
async function revoke(head: LedgerTransaction): Promise<NewEvent[]> {
  const { rows } = await sql<{ position: bigint }>`
    SELECT e.position FROM ledger.events e
    WHERE e.ledger_id = ${head.ledgerId} AND e.type IN ('SettlementConfirmed', 'DepositObserved', 'WithdrawalObserved')
      AND NOT EXISTS (
        SELECT FROM ledger.events r WHERE r.ledger_id = e.ledger_id AND r.type = 'ConfirmationRevoked'
          AND (r.data->>'revoked_position')::bigint = e.position)
    ORDER BY e.position DESC LIMIT 1`.execute(head.trx)
  const [stored] = await readEventsAt(
    head.trx,
    head.ledgerId,
    rows.map(({ position }) => position),
  )
  if (stored === undefined) return []
  if (stored.accountId !== null) await loadBalances(head, [stored.accountId])
  const pendingOf = (accountId: bigint) => balanceOf(head, accountId).pending
  return [revokeEvent(stored.position, parseEvent(stored), () => false, pendingOf, new Date(epoch))]
}

function single<Type extends NewEvent["type"]>(
  head: LedgerTransaction,
  type: Type,
  data: EventDataOf<Type>,
  accountId: bigint,
  by: bigint,
): NewEvent {
  const account = { accountId, amount: by, balanceAfter: balanceOf(head, accountId).pending + by }
  const isWrite = type === "AdjustmentRecorded" || type === "HoldPlaced"
  const operation = isWrite ? { operationId: `op-${head.position}`, sequence: 0 } : null
  return {
    type,
    data,
    operation,
    account,
    occurredAt: type === "HoldExpired" ? holdsEnd : new Date(epoch),
    causation: "operation:test:0",
    details: null,
  } as unknown as NewEvent
}

function chainFact(position: bigint): EventDataOf<"DepositObserved"> {
  return {
    chain_id: 31_337,
    block_number: 5,
    block_hash: hashOf(position + 1n),
    log_index: Number(position % 1_000n),
    transaction_hash: hashOf(position + 2n),
    counterparty: `0x${"77".repeat(20)}`,
  }
}
