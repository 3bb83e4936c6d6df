import { type Kysely, sql } from "kysely"
import {
  type AccountBalance,
  type AdjustBalanceCommand,
  type AdjustmentRefusal,
  accountKey,
  decideAdjustBalance,
} from "../domain/adjust-balance.ts"
import type { NewEvent } from "../domain/events.ts"
import { append } from "../store/append.ts"
import type { Database } from "../store/database.ts"
import { findOperations, type StoredOperation } from "../store/find-operations.ts"
import { balanceOf, type LedgerTransaction, withHead } from "../store/ledger-transaction.ts"
import type { RecordedOperation } from "../store/read-operation.ts"
import type { TokenDirectory } from "./token-directory.ts"

/** What became of one command of a group. A replay still has to be read back, which needs no lock. */
export type GroupOutcome =
  | { readonly outcome: "recorded"; readonly operation: RecordedOperation }
  | { readonly outcome: "replay"; readonly stored: StoredOperation }
  | { readonly outcome: "conflict" }
  | { readonly outcome: "refused"; readonly refusal: AdjustmentRefusal }

/**
 * Decides and records a group of commands in one transaction, in their order. A refused command leaves no trace and costs its neighbours nothing.
 * @returns one outcome for each command, in the same order, all of it durable
 */
export async function writeGroup(
  db: Kysely<Database>,
  tokens: TokenDirectory,
  ledgerId: string,
  commands: readonly AdjustBalanceCommand[],
  now: () => Date,
): Promise<GroupOutcome[]> {
  return withHead(db, ledgerId, async (ledger) => {
    const recordedAt = now()
    const known = new Map<string, StoredOperation>()
    for (const stored of await findOperations(ledger.trx, ledgerId, commands))
      known.set(operationKey(stored), stored)
    const accounts = await findAccounts(ledger, commands)
    const events: NewEvent[] = []
    const operations: { command: AdjustBalanceCommand; operation: RecordedOperation }[] = []
    const outcomes: GroupOutcome[] = []
    const balances = new Map<string, AccountBalance>()
    for (const [key, accountId] of accounts) balances.set(key, balanceOf(ledger, accountId))
    let accountCount = ledger.accountCount
    const nextAccountId = () => (accountCount += 1n)

    for (const command of commands) {
      const earlier = known.get(operationKey(command))
      if (earlier !== undefined) {
        outcomes.push(
          earlier.requestHash.equals(command.requestHash)
            ? { outcome: "replay", stored: earlier }
            : { outcome: "conflict" },
        )
        continue
      }
      const decided = decideAdjustBalance(command, (key) => balances.get(key))
      if ("refused" in decided) {
        outcomes.push({ outcome: "refused", refusal: decided })
        continue
      }
      await openAccounts(tokens, command, accounts, nextAccountId, events, recordedAt)
      const firstPosition = ledger.position + BigInt(events.length) + 1n
      const adjustments = decided.decisions.map(({ adjustment, balanceAfter, confirmedAfter }, index) => {
        const key = accountKey(adjustment.userId, adjustment.tokenId)
        const accountId = accounts.get(key)
        if (accountId === undefined) throw new TypeError("an account was decided on before it was opened")
        balances.set(key, {
          ...(balances.get(key) ?? { confirmed: confirmedAfter, locked: 0n }),
          pending: balanceAfter,
        })
        events.push({
          type: "AdjustmentRecorded",
          data: {
            reason_type: adjustment.reasonType,
            business_type: adjustment.businessType,
            priority: adjustment.priority,
            is_immediate: adjustment.isImmediate,
            max_wait_ms: adjustment.maxWaitMs,
            business_batch_id: command.businessBatchId,
            confirmed_after: confirmedAfter.toString(),
          },
          operation: { operationId: command.operationId, sequence: command.sequence },
          account: { accountId, amount: adjustment.amountBaseUnits, balanceAfter },
          occurredAt: recordedAt,
          causation: `operation:${command.operationId}:${command.sequence}`,
          details: { reason_detail: adjustment.reasonDetail, metadata: adjustment.metadata },
        })
        return {
          position: firstPosition + BigInt(index),
          userId: adjustment.userId,
          tokenId: adjustment.tokenId,
          amountBaseUnits: adjustment.amountBaseUnits,
          balanceAfter,
          confirmedAfter,
        }
      })
      const operation: RecordedOperation = {
        operationId: command.operationId,
        sequence: command.sequence,
        position: firstPosition + BigInt(adjustments.length) - 1n,
        recordedAt,
        answerContext: command.answerContext,
        adjustments,
      }
      operations.push({ command, operation })
      known.set(operationKey(command), {
        operationId: command.operationId,
        sequence: command.sequence,
        requestHash: command.requestHash,
        firstPosition,
        lastPosition: operation.position,
        recordedAt,
        answerContext: command.answerContext,
      })
      outcomes.push({ outcome: "recorded", operation })
    }
    await append(ledger, events, recordedAt)
    await insertOperations(ledger, operations)
    return outcomes
  })
}

function operationKey(key: { operationId: string; sequence: number }): string {
  return `${key.sequence}\n${key.operationId}`
}

/** Accounts of the group that exist, with their balances loaded: one statement. */
async function findAccounts(
  ledger: LedgerTransaction,
  commands: readonly AdjustBalanceCommand[],
): Promise<Map<string, bigint>> {
  const wanted = new Map<string, { userId: string; tokenId: number }>()
  for (const command of commands) {
    for (const { userId, tokenId } of command.adjustments)
      wanted.set(accountKey(userId, tokenId), { userId, tokenId })
  }
  const keys = [...wanted.values()]
  const { rows } = await sql<{
    user_id: string
    token_id: number
    account_id: bigint
    pending: bigint
    confirmed: bigint
    locked: bigint
  }>`
    SELECT f.* FROM unnest(${keys.map((key) => key.userId)}::text[], ${keys.map((key) => key.tokenId)}::integer[]) AS k(user_id, token_id)
    CROSS JOIN LATERAL (
      SELECT a.user_id, a.token_id, a.account_id, b.pending, b.confirmed, b.locked
      FROM ledger.accounts a
      JOIN ledger.balances b ON b.ledger_id = a.ledger_id AND b.account_id = a.account_id
      WHERE a.ledger_id = ${ledger.ledgerId} AND a.user_id = k.user_id AND a.token_id = k.token_id
    ) AS f`.execute(ledger.trx)
  const accounts = new Map<string, bigint>()
  for (const row of rows) {
    accounts.set(accountKey(row.user_id, row.token_id), row.account_id)
    ledger.balances.set(row.account_id, {
      pending: row.pending,
      confirmed: row.confirmed,
      locked: row.locked,
    })
  }
  return accounts
}

/** An account is opened by the first operation that is recorded on it; ids follow the log's order, so a replay gives the same ones. */
async function openAccounts(
  tokens: TokenDirectory,
  command: AdjustBalanceCommand,
  accounts: Map<string, bigint>,
  nextAccountId: () => bigint,
  events: NewEvent[],
  at: Date,
): Promise<void> {
  for (const { userId, tokenId } of command.adjustments) {
    const key = accountKey(userId, tokenId)
    if (accounts.has(key)) continue
    const token = await tokens.token(tokenId)
    const accountId = nextAccountId()
    accounts.set(key, accountId)
    events.push({
      type: "AccountOpened",
      data: {
        user_id: userId,
        chain_id: Number(token.chainId),
        token_address: token.tokenAddress,
        address: await tokens.addressOf(tokenId, userId),
      },
      operation: null,
      account: { accountId, amount: 0n, balanceAfter: 0n },
      occurredAt: at,
      causation: `operation:${command.operationId}:${command.sequence}`,
      details: null,
    })
  }
}

async function insertOperations(
  ledger: LedgerTransaction,
  operations: readonly { command: AdjustBalanceCommand; operation: RecordedOperation }[],
): Promise<void> {
  if (operations.length === 0) return
  await sql`
    INSERT INTO ledger.operations (ledger_id, operation_id, sequence, request_hash, route, first_position, last_position, recorded_at, answer_context)
    SELECT ${ledger.ledgerId}, o.operation_id, o.sequence, o.request_hash, o.route, o.first_position, o.last_position, o.recorded_at, o.answer_context::json
    FROM unnest(
      ${operations.map(({ command }) => command.operationId)}::text[],
      ${operations.map(({ command }) => command.sequence)}::integer[],
      ${operations.map(({ command }) => command.requestHash)}::bytea[],
      ${operations.map(({ command }) => command.route)}::text[],
      ${operations.map(({ operation }) => (operation.position - BigInt(operation.adjustments.length) + 1n).toString())}::bigint[],
      ${operations.map(({ operation }) => operation.position.toString())}::bigint[],
      ${operations.map(({ operation }) => operation.recordedAt.toISOString())}::timestamptz[],
      ${operations.map(({ command }) => JSON.stringify(command.answerContext))}::text[]
    ) AS o(operation_id, sequence, request_hash, route, first_position, last_position, recorded_at, answer_context)`.execute(
    ledger.trx,
  )
}
