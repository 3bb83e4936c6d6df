import type pg from "pg"
import { ChainBridgeError } from "../../platform/errors.ts"
import {
  type AdjustBalanceCommand,
  accountKey,
  decideAdjustBalance,
  emptyBalance,
} from "../domain/adjust-balance.ts"
import { accountOpened, adjustmentEvents } from "../domain/adjustment-events.ts"
import type { CommandRefusal, LedgerCommand } from "../domain/commands.ts"
import type { NewEvent } from "../domain/events.ts"
import { prepareAppend } from "../store/append.ts"
import type { CopyStatement } from "../store/copy-statement.ts"
import type { StoredOperation } from "../store/find-operations.ts"
import { copyEvents } from "../store/insert-events.ts"
import { copyOperations, type NewOperation } from "../store/insert-operations.ts"
import { type LedgerHead, lockHeadAt, recordingTime } from "../store/ledger-transaction.ts"
import { type RecordedOperation, recordedEvent, recordedOperation } from "../store/read-operation.ts"
import { actionStatement } from "../store/record-action.ts"
import type { Statement } from "../store/statement.ts"
import type { KnownAccount, LedgerMemory } from "./account-memory.ts"
import { decideCommand } from "./decide-command.ts"
import {
  evolveGroup,
  type GroupState,
  loadBehind,
  loadGroup,
  operationKey,
  type SentGroup,
} from "./group-state.ts"
import { inPipelinedTransaction } from "./pipelined-transaction.ts"
import type { TokenDirectory } from "./token-directory.ts"

/** What became of one command of a group. A replay still has to be read back, which needs no lock. */
export type GroupOutcome =
  | { readonly outcome: "recorded"; readonly operation: RecordedOperation }
  | { readonly outcome: "replay"; readonly stored: StoredOperation }
  | { readonly outcome: "conflict" }
  | { readonly outcome: "refused"; readonly refusal: CommandRefusal }

export type GroupOptions = {
  /** What is stored in the same transaction, also where every command was refused; a statement that fails takes the group with it. */
  readonly alongside?: (outcomes: readonly GroupOutcome[]) => readonly Statement[]
  /**
   * The group before, of the same memory, which is sent or committed: this one is decided on what it leaves, without the lock. Only adjustments can be. `settled` resolves when that group is
   * over, and never rejects.
   */
  readonly behind?: { readonly left: SentGroup; readonly settled: Promise<unknown> } | undefined
  /** Called when all of it is on its way. */
  readonly onSent?: (left: SentGroup) => void
}

/**
 * Decides and records a group of commands in one transaction, in their order. A refused command leaves no trace and costs its neighbours nothing.
 * @returns one outcome for each command, in the same order, all of it durable
 * @throws where it is written behind another group, and that one was not committed, or somebody else appended between the two, or a key is taken, or a command cannot be accepted: nothing was recorded, and
 *   it has to be written with the lock
 */
export async function writeGroup(
  pool: pg.Pool,
  tokens: TokenDirectory,
  memory: LedgerMemory,
  ledgerId: string,
  commands: readonly LedgerCommand[],
  now: () => Date,
  { alongside, behind, onSent }: GroupOptions = {},
): Promise<GroupOutcome[]> {
  // Before there is a lock: all connections on which the registry could be asked may be taken by those who wait for it.
  await tokens.prepare(tokensOf(commands))
  return inPipelinedTransaction(pool, async (transaction) => {
    const state =
      behind === undefined
        ? await loadGroup(transaction, memory, ledgerId, commands)
        : await loadBehind(transaction, memory, behind.left, commands)
    const { head, known } = state
    const from = { position: head.position, hash: head.hash }
    const lock = behind === undefined ? [] : [lockHeadAt(head)]
    const recordedAt = recordingTime(head, now())
    const events: NewEvent[] = []
    const operations: NewOperation[] = []
    const outcomes: GroupOutcome[] = []
    const actions: Statement[] = []
    const opening = { tokens, events, accountCount: head.accountCount }

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
      const recorded =
        command.kind === "AdjustBalance"
          ? await adjust(state, opening, command, recordedAt)
          : recordSingle(state, events, command, recordedAt)
      if ("refused" in recorded) {
        // What looks impossible may have been recorded before, and nobody has looked.
        if (behind !== undefined) {
          await transaction.abandon()
          throw new ChainBridgeError("DECIDED_TOO_SOON", "what is refused has to be looked up with the lock")
        }
        outcomes.push({ outcome: "refused", refusal: recorded })
        continue
      }
      const { operation, firstPosition } = recorded
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
      if (command.action !== undefined) actions.push(actionStatement(command.action))
      known.set(operationKey(command), stored)
      outcomes.push({ outcome: "recorded", operation })
    }
    const also = [...actions, ...(alongside?.(outcomes) ?? [])]
    await transaction.commit(statementsOf(lock, head, events, recordedAt, operations, also), () =>
      onSent?.({ from, head, accounts: state.accounts }),
    )
    // In the order of the groups, so that what they leave adds up.
    await behind?.settled
    memory.remember(from, head, state.accounts)
    return outcomes
  })
}

/** Those in which an account may have to be opened. */
function tokensOf(commands: readonly LedgerCommand[]): ReadonlySet<number> {
  const tokenIds = new Set<number>()
  for (const command of commands) {
    if (command.kind !== "AdjustBalance") continue
    for (const { tokenId } of command.adjustments) tokenIds.add(tokenId)
  }
  return tokenIds
}

/** Made while they are sent: the server is at work on each before there is the next. */
function* statementsOf(
  lock: readonly Statement[],
  head: LedgerHead,
  events: readonly NewEvent[],
  recordedAt: Date,
  operations: readonly NewOperation[],
  alongside: readonly Statement[],
): Generator<Statement | CopyStatement> {
  yield* lock
  if (operations.length > 0) {
    yield* prepareAppend(head, events, recordedAt, copyEvents).statements
    yield copyOperations(head.ledgerId, operations)
  }
  yield* alongside
}

type Recorded = { readonly operation: RecordedOperation; readonly firstPosition: bigint }

type Opening = { readonly tokens: TokenDirectory; readonly events: NewEvent[]; accountCount: bigint }

async function adjust(
  state: GroupState,
  opening: Opening,
  command: AdjustBalanceCommand,
  at: Date,
): Promise<Recorded | CommandRefusal> {
  const { accounts, head } = state
  const decided = decideAdjustBalance(command, (key) => accounts.get(key))
  if ("refused" in decided) return decided
  const { events } = opening
  await openAccounts(opening, command, accounts, at)
  const firstPosition = head.position + BigInt(events.length) + 1n
  events.push(...adjustmentEvents(command, decided.decisions, accounts, at))
  for (const { key, balanceAfter } of decided.decisions) {
    const before = accounts.get(key)
    if (before !== undefined) accounts.set(key, { ...before, pending: balanceAfter })
  }
  return { operation: recordedOperation(command, decided.decisions, firstPosition, at), firstPosition }
}

function recordSingle(
  state: GroupState,
  events: NewEvent[],
  command: Exclude<LedgerCommand, AdjustBalanceCommand>,
  at: Date,
): Recorded | CommandRefusal {
  const decided = decideCommand(state, command, at)
  if ("refused" in decided) return decided
  const { event, account } = decided
  const position = state.head.position + BigInt(events.length) + 1n
  events.push(event)
  evolveGroup(state, event, position, account)
  const known = account === null ? undefined : state.accounts.get(accountKey(account.userId, account.tokenId))
  if (account === null || known === undefined)
    return { operation: recordedEvent(command, event, position, at, null), firstPosition: position }
  // Exactly what a replay reads back.
  const { pending, confirmed, locked } = known
  const of = { ...account, after: { pending, confirmed, locked } }
  return { operation: recordedEvent(command, event, position, at, of), firstPosition: position }
}

/** An account is opened by the first operation that is recorded on it; ids follow the log's order, so a replay gives the same ones. */
async function openAccounts(
  opening: Opening,
  command: AdjustBalanceCommand,
  accounts: Map<string, KnownAccount>,
  at: Date,
): Promise<void> {
  const { tokens, events } = opening
  for (const { userId, tokenId } of command.adjustments) {
    const key = accountKey(userId, tokenId)
    if (accounts.has(key)) continue
    const token = await tokens.token(tokenId)
    opening.accountCount += 1n
    const accountId = opening.accountCount
    accounts.set(key, { accountId, ...emptyBalance })
    const data = {
      user_id: userId,
      chain_id: Number(token.chainId),
      token_address: token.tokenAddress,
      address: await tokens.addressOf(tokenId, userId),
    }
    events.push(accountOpened(command, accountId, data, at))
  }
}
