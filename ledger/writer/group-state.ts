import { ChainBridgeError } from "../../platform/errors.ts"
import { accountKey } from "../domain/adjust-balance.ts"
import type { LedgerCommand } from "../domain/commands.ts"
import { effectsOf } from "../domain/effects.ts"
import { changeDataOf, type EventDataOf, type NewEvent } from "../domain/events.ts"
import { type Hold, holdEndedBy } from "../domain/hold.ts"
import type { Original } from "../domain/reverse-adjustment.ts"
import { type AccountRow, findAccounts } from "../store/find-accounts.ts"
import { type BalanceRow, findBalances } from "../store/find-balances.ts"
import { type CopyRow, findCopies } from "../store/find-copies.ts"
import { findDetails } from "../store/find-details.ts"
import { findHolds, type HoldRow, toHold } from "../store/find-holds.ts"
import {
  findOperationsStatement,
  type OperationKey,
  type OperationRow,
  type StoredOperation,
  toStoredOperation,
} from "../store/find-operations.ts"
import { findOriginals, type OriginalRow, toOriginal } from "../store/find-originals.ts"
import { type HeadRow, type LedgerHead, lockHeadStatement, readHead } from "../store/ledger-transaction.ts"
import type { Statement } from "../store/statement.ts"
import { type HeadMark, isSameMark, type KnownAccount, type LedgerMemory } from "./account-memory.ts"
import type { PipelinedTransaction } from "./pipelined-transaction.ts"

/** How long groups may be decided one behind the other without a look at the database's clock. */
const clockMsMax = 30_000

type Account = { readonly userId: string; readonly tokenId: number }

/** What the commands of a group are decided on. It moves on with every command that is accepted, so that the next one sees what that did. */
export type GroupState = {
  readonly head: LedgerHead
  /** By operation key. */
  readonly known: Map<string, StoredOperation>
  /** Accounts that exist, by account key. */
  readonly accounts: Map<string, KnownAccount>
  /** By position; those that a command names. */
  readonly holds: Map<bigint, Hold>
  readonly originals: Map<bigint, Original>
  /** Positions of events that have details, of those that a command wants redacted. */
  readonly withDetails: Set<bigint>
  /** Of holds their captures, and of captures their holds, of those that a command names to be redacted. */
  readonly copies: Map<bigint, bigint>
}

/** What a group leaves behind if it is committed, known as soon as all of it is sent: the next one can be decided on it meanwhile, and afterwards. */
export type SentGroup = {
  /** What it was decided on. */
  readonly from: HeadMark
  readonly head: Omit<LedgerHead, "balances">
  /** That it loaded or changed, by account key. */
  readonly accounts: ReadonlyMap<string, KnownAccount>
}

export function operationKey(key: OperationKey): string {
  return `${key.sequence}\n${key.operationId}`
}

/**
 * Locks the head and loads what the commands may touch, in one round trip. What no command of the group needs is not asked for, nor what is remembered: when somebody
 * else has appended in the meantime, it is asked for after all, and at once where somebody had before the last group.
 */
export async function loadGroup(
  transaction: PipelinedTransaction,
  memory: LedgerMemory,
  ledgerId: string,
  commands: readonly LedgerCommand[],
): Promise<GroupState> {
  const wanted = wantedBy(commands)
  const unknown: Account[] = []
  const rememberedAt = memory.at()
  const isShared = memory.isShared()
  const remembered = new Map<string, KnownAccount>()
  /** By account id, those of which nothing else is known. */
  const named = new Map<bigint, string>()
  for (const [key, account] of wanted.accounts) {
    const known = isShared ? undefined : memory.get(key)
    const accountId = known === undefined ? memory.idOf(key) : undefined
    if (known !== undefined) remembered.set(key, known)
    else if (accountId !== undefined) named.set(accountId, key)
    else unknown.push(account)
  }
  const statements: Statement[] = [lockHeadStatement(ledgerId), findOperationsStatement(ledgerId, commands)]
  const also = (isWanted: boolean, statement: () => Statement): number =>
    isWanted ? statements.push(statement()) - 1 : -1
  const accountsAt = also(unknown.length > 0, () => findAccounts(ledgerId, unknown))
  const balancesAt = also(named.size > 0, () => findBalances(ledgerId, rememberedAt, named.keys()))
  const holdsAt = also(wanted.holds.size > 0, () => findHolds(ledgerId, [...wanted.holds]))
  const originalsAt = also(wanted.originals.size > 0, () => findOriginals(ledgerId, [...wanted.originals]))
  const detailsAt = also(wanted.details.size > 0, () => findDetails(ledgerId, [...wanted.details]))
  const copiesAt = also(wanted.copies.size > 0, () => findCopies(ledgerId, [...wanted.copies]))
  const askedAtMs = performance.now()
  // The lock comes first: the statements behind it see all that was committed before it was granted.
  const results = await transaction.begin(statements)
  const rowsOf = <Row>(index: number): readonly Row[] => (results[index]?.rows ?? []) as Row[]
  const state = emptyState(readHead(ledgerId, rowsOf<HeadRow>(0)[0], askedAtMs))
  for (const row of rowsOf<OperationRow>(1)) {
    const stored = toStoredOperation(row)
    state.known.set(operationKey(stored), stored)
  }
  for (const row of rowsOf<AccountRow>(accountsAt)) addRow(state, row)
  for (const row of rowsOf<HoldRow>(holdsAt)) {
    addRow(state, row)
    state.holds.set(row.position, toHold(row))
  }
  for (const row of rowsOf<OriginalRow>(originalsAt)) {
    addRow(state, row)
    state.originals.set(row.position, toOriginal(row))
  }
  for (const { position } of rowsOf<{ position: bigint }>(detailsAt)) state.withDetails.add(position)
  for (const { position, copy } of rowsOf<CopyRow>(copiesAt)) {
    state.copies.set(position, copy)
    state.withDetails.add(copy)
  }
  const missing = addBalances(state, named, rowsOf<BalanceRow>(balancesAt))
  const isSame = isSameMark(rememberedAt, state.head)
  if (isSame) {
    for (const [key, account] of remembered) addAccount(state, key, account)
  } else if (remembered.size > 0) {
    const ids = new Map(Array.from(remembered, ([key, { accountId }]) => [accountId, key]))
    const [found] = await transaction.read([findBalances(ledgerId, rememberedAt, ids.keys())])
    missing.push(...addBalances(state, ids, (found?.rows ?? []) as BalanceRow[]))
  }
  if (missing.length > 0) {
    // Another log than the one that is remembered.
    const asked = missing.flatMap((key) => wanted.accounts.get(key) ?? [])
    const [found] = await transaction.read([findAccounts(ledgerId, asked)])
    for (const row of (found?.rows ?? []) as AccountRow[]) addRow(state, row)
  } else if (!isSame && named.size + remembered.size > 0) {
    memory.outdate(state.head)
  }
  return state
}

/** @param ids account keys by id @returns the keys without an answer */
function addBalances(
  state: GroupState,
  ids: ReadonlyMap<bigint, string>,
  rows: readonly BalanceRow[],
): string[] {
  const missing = new Map(ids)
  for (const { account_id: accountId, pending, confirmed, locked } of rows) {
    const key = missing.get(accountId)
    if (key === undefined) continue
    missing.delete(accountId)
    addAccount(state, key, { accountId, pending, confirmed, locked })
  }
  return [...missing.values()]
}

/**
 * What adjustments may touch, as the group before them leaves it, which may not be committed yet. Nothing is locked, and only accounts that are not remembered are asked for: all of it is true if
 * nobody else appends in between. So whoever decides on it has to ask for the lock at that very head (lockHeadAt). Balances that the group before has changed are taken from it and not from the
 * tables, which may show either. Whether a key is taken is left to the table of operations, which refuses the whole group.
 * @throws ChainBridgeError DECIDED_TOO_SOON where the memory is neither as that group found the ledger nor as it leaves it
 */
export async function loadBehind(
  transaction: PipelinedTransaction,
  memory: LedgerMemory,
  before: SentGroup,
  commands: readonly LedgerCommand[],
): Promise<GroupState> {
  const rememberedAt = memory.at()
  if (!isSameMark(rememberedAt, before.from) && !isSameMark(rememberedAt, before.head))
    throw new ChainBridgeError("DECIDED_TOO_SOON", "what the group before was decided on is not remembered")
  if (performance.now() - before.head.clock.askedAtMs > clockMsMax)
    throw new ChainBridgeError("DECIDED_TOO_SOON", "the database's clock was not asked for long")
  const state = emptyState({ ...before.head, balances: new Map() })
  const unknown: Account[] = []
  for (const [key, account] of wantedBy(commands).accounts) {
    const known = before.accounts.get(key) ?? memory.get(key)
    if (known === undefined) unknown.push(account)
    else addAccount(state, key, known)
  }
  if (unknown.length === 0) return state
  const [found] = await transaction.begin([findAccounts(before.head.ledgerId, unknown)])
  for (const row of (found?.rows ?? []) as AccountRow[]) addRow(state, row)
  return state
}

function emptyState(head: LedgerHead): GroupState {
  return {
    head,
    known: new Map(),
    accounts: new Map(),
    holds: new Map(),
    originals: new Map(),
    withDetails: new Set(),
    copies: new Map(),
  }
}

function wantedBy(commands: readonly LedgerCommand[]) {
  const accounts = new Map<string, Account>()
  const holds = new Set<bigint>()
  const originals = new Set<bigint>()
  const details = new Set<bigint>()
  const copies = new Set<bigint>()
  for (const command of commands) {
    switch (command.kind) {
      case "AdjustBalance":
        for (const { userId, tokenId } of command.adjustments)
          accounts.set(accountKey(userId, tokenId), { userId, tokenId })
        break
      case "PlaceHold":
        accounts.set(accountKey(command.userId, command.tokenId), command)
        break
      case "CaptureHold":
      case "ReleaseHold":
        holds.add(command.holdPosition)
        break
      case "ReverseAdjustment":
        originals.add(command.position)
        break
      case "RedactDetails":
        for (const position of command.positions) {
          details.add(position)
          if (command.userId === null) copies.add(position)
        }
        break
    }
  }
  return { accounts, holds, originals, details, copies }
}

function addRow(state: GroupState, row: AccountRow): void {
  const { account_id: accountId, pending, confirmed, locked } = row
  addAccount(state, accountKey(row.user_id, row.token_id), { accountId, pending, confirmed, locked })
}

function addAccount(state: GroupState, key: string, account: KnownAccount): void {
  state.accounts.set(key, account)
  state.head.balances.set(account.accountId, account)
}

/** What the event of a decision that is accepted leaves to the group's later ones. @param account whose event it is, where it is one account's */
export function evolveGroup(
  state: GroupState,
  event: NewEvent,
  position: bigint,
  account: Account | null,
): void {
  if (account !== null) {
    const key = accountKey(account.userId, account.tokenId)
    for (const effect of effectsOf(event)) {
      const before = state.accounts.get(key)
      if (before === undefined) continue
      state.accounts.set(key, {
        accountId: before.accountId,
        pending: before.pending + effect.pending,
        confirmed: before.confirmed + effect.confirmed,
        locked: before.locked + effect.locked,
      })
    }
  }
  const ended = holdEndedBy(event)
  if (ended !== null) {
    const hold = state.holds.get(ended.position)
    if (hold !== undefined) state.holds.set(ended.position, { ...hold, end: ended.end })
  }
  if (event.type === "HoldPlaced" && account !== null && event.account !== null) {
    state.holds.set(position, {
      position,
      accountId: event.account.accountId,
      userId: account.userId,
      tokenId: account.tokenId,
      amountBaseUnits: BigInt(event.data.amount),
      expiresAt: new Date(event.data.expires_at),
      change: changeDataOf(event.data),
      details: event.details,
      end: null,
    })
  }
  if (event.type === "AdjustmentReversed") {
    const reversed = BigInt(event.data.reversed_position)
    const original = state.originals.get(reversed)
    if (original !== undefined) state.originals.set(reversed, { ...original, reversedBy: position })
  }
  if (event.type === "HoldCaptured" && event.details !== null) {
    const held = BigInt(event.data.hold_position)
    state.copies.set(held, position).set(position, held)
    state.withDetails.add(position)
  }
  if (event.type === "DetailsRedacted") forgetDetails(state, event.data)
}

/** A capture that comes later in the group must not bring back what was said with its hold. A user's erasure comes to all that was placed before it, if not in its first step. */
function forgetDetails(state: GroupState, erasure: EventDataOf<"DetailsRedacted">): void {
  const erased = new Set(erasure.positions.map(BigInt))
  for (const position of erased) state.withDetails.delete(position)
  for (const hold of state.holds.values())
    if (erased.has(hold.position) || hold.userId === erasure.user_id)
      state.holds.set(hold.position, { ...hold, details: null })
}
