import type pg from "pg"
import {
  type AccountBalance,
  type AdjustBalanceCommand,
  type AdjustmentRefusal,
  accountKey,
  decideAdjustBalance,
} from "../domain/adjust-balance.ts"
import { accountOpened, adjustmentEvents } from "../domain/adjustment-events.ts"
import type { NewEvent } from "../domain/events.ts"
import { prepareAppend } from "../store/append.ts"
import { type AccountRow, findAccounts } from "../store/find-accounts.ts"
import {
  findOperationsStatement,
  type OperationRow,
  type StoredOperation,
  toStoredOperation,
} from "../store/find-operations.ts"
import { insertOperations, type NewOperation } from "../store/insert-operations.ts"
import {
  balanceOf,
  type HeadRow,
  type LedgerHead,
  lockHeadStatement,
  readHead,
  recordingTime,
} from "../store/ledger-transaction.ts"
import { type RecordedOperation, recordedOperation } from "../store/read-operation.ts"
import { inPipelinedTransaction, type PipelinedTransaction } from "./pipelined-transaction.ts"
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
  pool: pg.Pool,
  tokens: TokenDirectory,
  ledgerId: string,
  commands: readonly AdjustBalanceCommand[],
  now: () => Date,
): Promise<GroupOutcome[]> {
  return inPipelinedTransaction(pool, async (transaction) => {
    const { head, known, accounts } = await loadGroup(transaction, ledgerId, commands)
    const recordedAt = recordingTime(head, now())
    const events: NewEvent[] = []
    const operations: NewOperation[] = []
    const outcomes: GroupOutcome[] = []
    const balances = new Map<string, AccountBalance>()
    for (const [key, accountId] of accounts) balances.set(key, balanceOf(head, accountId))
    let accountCount = head.accountCount
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
      const firstPosition = head.position + BigInt(events.length) + 1n
      events.push(...adjustmentEvents(command, decided.decisions, accounts, recordedAt))
      for (const { adjustment, balanceAfter, confirmedAfter } of decided.decisions) {
        const key = accountKey(adjustment.userId, adjustment.tokenId)
        const before = balances.get(key) ?? { confirmed: confirmedAfter, locked: 0n }
        balances.set(key, { ...before, pending: balanceAfter })
      }
      const operation = recordedOperation(command, decided.decisions, firstPosition, recordedAt)
      const stored = {
        operationId: command.operationId,
        sequence: command.sequence,
        requestHash: command.requestHash,
        firstPosition,
        lastPosition: operation.position,
        recordedAt,
        answerContext: command.answerContext,
      }
      operations.push({ ...stored, route: command.route })
      known.set(operationKey(command), stored)
      outcomes.push({ outcome: "recorded", operation })
    }
    await transaction.commit(
      operations.length === 0
        ? []
        : [...prepareAppend(head, events, recordedAt).statements, insertOperations(ledgerId, operations)],
    )
    return outcomes
  })
}

function operationKey(key: { operationId: string; sequence: number }): string {
  return `${key.sequence}\n${key.operationId}`
}

type LoadedGroup = {
  readonly head: LedgerHead
  /** By operation key. */
  readonly known: Map<string, StoredOperation>
  /** Ids of the accounts that exist, by account key. */
  readonly accounts: Map<string, bigint>
}

/** Locks the head and loads what the commands may touch. */
async function loadGroup(
  transaction: PipelinedTransaction,
  ledgerId: string,
  commands: readonly AdjustBalanceCommand[],
): Promise<LoadedGroup> {
  const wanted = new Map<string, { userId: string; tokenId: number }>()
  for (const { adjustments } of commands) {
    for (const { userId, tokenId } of adjustments)
      wanted.set(accountKey(userId, tokenId), { userId, tokenId })
  }
  // The lock comes first: the statements behind it see all that was committed before it was granted.
  const [locked, found, existing] = await transaction.begin([
    lockHeadStatement(ledgerId),
    findOperationsStatement(ledgerId, commands),
    findAccounts(ledgerId, [...wanted.values()]),
  ])
  const head = readHead(ledgerId, locked?.rows[0] as HeadRow | undefined)
  const known = new Map<string, StoredOperation>()
  for (const row of (found?.rows ?? []) as OperationRow[]) {
    const stored = toStoredOperation(row)
    known.set(operationKey(stored), stored)
  }
  const accounts = new Map<string, bigint>()
  for (const row of (existing?.rows ?? []) as AccountRow[]) {
    accounts.set(accountKey(row.user_id, row.token_id), row.account_id)
    head.balances.set(row.account_id, {
      pending: row.pending,
      confirmed: row.confirmed,
      locked: row.locked,
    })
  }
  return { head, known, accounts }
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
    const data = {
      user_id: userId,
      chain_id: Number(token.chainId),
      token_address: token.tokenAddress,
      address: await tokens.addressOf(tokenId, userId),
    }
    events.push(accountOpened(command, accountId, data, at))
  }
}
