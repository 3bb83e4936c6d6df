import { randomBytes } from "node:crypto"
import {
  type EncodableEvent,
  genesisHash,
  hashDetails,
  hashEvent,
} from "../../ledger/domain/event-encoding.ts"
import { eventVersion } from "../../ledger/domain/events.ts"
import { type CopyRows, emptyRows, pushRow } from "./copy-rows.ts"

export type SeedReason = {
  readonly reasonType: string
  readonly businessType: string
  readonly priority: "low" | "normal" | "high" | "urgent"
  readonly metadataKeys: readonly string[]
}

export type SeedToken = { readonly tokenId: number; readonly chainId: number; readonly tokenAddress: string }

export type SeedPlan = {
  readonly ledgerId: string
  readonly token: SeedToken
  readonly reasons: readonly SeedReason[]
  readonly events: number
  readonly users: number
  readonly adjustmentsPerOperation: number
  readonly addressOf: (userId: string) => string
  readonly firstAt: Date
  readonly lastAt: Date
}

export type SeedAccount = {
  readonly accountId: number
  readonly userId: string
  readonly address: string
  readonly openedPosition: number
  pending: bigint
  confirmed: bigint
  position: number
  changedAt: string
  confirmedAt: string | null
}

/** A change that is not settled yet. */
export type SeedChange = {
  readonly position: number
  readonly account: SeedAccount
  readonly amount: bigint
  readonly priority: number
  readonly recordedAt: string
}

/** What the generator appends besides its own adjustments. */
export type SeedEvent = Pick<
  EncodableEvent,
  "type" | "operationId" | "sequence" | "accountId" | "amount" | "balanceAfter" | "causation" | "dataJson"
> & { readonly detailsJson: string | null }

/** A log in the making. `rows` collects rows for COPY; who takes them empties it. */
export type SeedLog = {
  readonly plan: SeedPlan
  readonly rows: { readonly events: CopyRows; readonly operations: CopyRows }
  readonly accounts: SeedAccount[]
  readonly accountsByUser: (SeedAccount | undefined)[]
  /** Told of every change, where somebody settles them. */
  onChange: ((change: SeedChange) => void) | undefined
  readonly head: { position: number; hash: Buffer; at: Date; atText: string }
}

export function startSeedLog(plan: SeedPlan): SeedLog {
  return {
    plan,
    rows: { events: emptyRows(), operations: emptyRows() },
    accounts: [],
    accountsByUser: [],
    onChange: undefined,
    head: { position: 0, hash: genesisHash, at: plan.firstAt, atText: plan.firstAt.toISOString() },
  }
}

// Salts only have to differ; one call for many is what keeps them cheap.
let salts = Buffer.alloc(0)
let saltsUsed = 0

function nextSalt(): Buffer {
  if (saltsUsed + 16 > salts.length) {
    salts = randomBytes(1 << 16)
    saltsUsed = 0
  }
  saltsUsed += 16
  return salts.subarray(saltsUsed - 16, saltsUsed)
}

/** The events that follow are one commit: they share the time that this is. */
export function beginCommit({ plan, head }: SeedLog): void {
  const [firstMs, lastMs] = [plan.firstAt.getTime(), plan.lastAt.getTime()]
  const share = Math.min(1, head.position / plan.events)
  head.at = new Date(firstMs + Math.floor((lastMs - firstMs) * share))
  head.atText = head.at.toISOString()
}

/** Appends one event: its position and its hashes. @returns its position */
export function appendSeedEvent(log: SeedLog, event: SeedEvent): number {
  const { plan, head } = log
  const position = head.position + 1
  const salt = event.detailsJson === null ? null : nextSalt()
  const detailsHash =
    salt === null || event.detailsJson === null ? null : hashDetails(salt, event.detailsJson)
  const hash = hashEvent(head.hash, {
    ledgerId: plan.ledgerId,
    position: BigInt(position),
    version: eventVersion,
    occurredAt: head.at,
    recordedAt: head.at,
    detailsHash,
    ...event,
  })
  pushRow(log.rows.events, [
    plan.ledgerId,
    position,
    event.type,
    eventVersion,
    event.operationId,
    event.sequence,
    event.accountId,
    event.amount,
    event.balanceAfter,
    head.atText,
    head.atText,
    event.causation,
    event.dataJson,
    event.detailsJson,
    salt,
    detailsHash,
    head.hash,
    hash,
  ])
  head.position = position
  head.hash = hash
  return position
}

const unit = 10n ** 16n
const priorities = ["low", "normal", "high", "urgent"] as const

/** Appends one operation: the accounts that it needs and its adjustments, of users by chance, two in three of them credits. */
export function appendSeedOperation(log: SeedLog, number: number, random: () => number): void {
  const { plan, head } = log
  beginCommit(log)
  const operationId = `order-${scramble(number)}`
  const causation = `operation:${operationId}:0`
  const accounts = Array.from({ length: plan.adjustmentsPerOperation }, () =>
    accountOfUser(log, Math.floor(random() * plan.users), causation),
  )
  const requestHash = scramble(number).repeat(8)
  const firstPosition = head.position + 1
  for (const [index, account] of accounts.entries()) {
    const size = BigInt(1 + Math.floor(random() * 50_000)) * unit
    const amount = random() < 0.33 && account.pending >= size ? -size : size
    const reason = plan.reasons[Math.floor(random() * plan.reasons.length)]
    if (reason === undefined) throw new Error("there is no reason to adjust anything")
    const metadata = reason.metadataKeys.map((key) => `"${key}":"${key}-${number % 1_000}"`).join(",")
    const position = appendSeedEvent(log, {
      type: "AdjustmentRecorded",
      operationId,
      sequence: 0,
      accountId: BigInt(account.accountId),
      amount,
      balanceAfter: account.pending + amount,
      causation,
      // As JSON.stringify writes what the product records: the hash covers the text.
      dataJson: `{"reason_type":"${reason.reasonType}","business_type":"${reason.businessType}","priority":"${reason.priority}","is_immediate":false,"max_wait_ms":null,"business_batch_id":null,"confirmed_after":"${account.confirmed}"${index === 0 ? `,"request_hash":"${requestHash}"` : ""}}`,
      detailsJson: `{"reason_detail":"${reason.reasonType} no. ${number}","metadata":{${metadata}}}`,
    })
    account.pending += amount
    account.position = position
    account.changedAt = head.atText
    const priority = priorities.indexOf(reason.priority)
    log.onChange?.({ position, account, amount, priority, recordedAt: head.atText })
  }
  pushRow(log.rows.operations, [
    plan.ledgerId,
    operationId,
    0,
    Buffer.from(requestHash, "hex"),
    "POST /balance/adjust",
    firstPosition,
    head.position,
    head.atText,
    '{"blockchain_sync":{"status":"pending"}}',
  ])
}

function accountOfUser(log: SeedLog, user: number, causation: string): SeedAccount {
  const known = log.accountsByUser[user]
  if (known !== undefined) return known
  const { plan, head } = log
  const userId = `user-${user}`
  const address = plan.addressOf(userId)
  const accountId = log.accounts.length + 1
  const position = appendSeedEvent(log, {
    type: "AccountOpened",
    operationId: null,
    sequence: null,
    accountId: BigInt(accountId),
    amount: 0n,
    balanceAfter: 0n,
    causation,
    dataJson: JSON.stringify({
      user_id: userId,
      chain_id: plan.token.chainId,
      token_address: plan.token.tokenAddress,
      address,
    }),
    detailsJson: null,
  })
  const account: SeedAccount = {
    accountId,
    userId,
    address,
    openedPosition: position,
    pending: 0n,
    confirmed: 0n,
    position,
    changedAt: head.atText,
    confirmedAt: null,
  }
  log.accounts.push(account)
  log.accountsByUser[user] = account
  return account
}

/** Eight hex digits that no other number below 2^32 gives and that have no order, as the ids that clients choose. */
function scramble(number: number): string {
  let bits = number >>> 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return ((bits ^ (bits >>> 16)) >>> 0).toString(16).padStart(8, "0")
}
