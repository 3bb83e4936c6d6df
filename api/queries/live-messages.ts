import { type Kysely, sql } from "kysely"
import { LRUCache } from "lru-cache"
import type { RecordedEvent } from "../../ledger/domain/events.ts"
import type { Database } from "../../ledger/store/database.ts"
import {
  parseEvent,
  readEvents,
  readEventsAt,
  readEventsFor,
  type StoredEvent,
} from "../../ledger/store/read-events.ts"
import { invariant } from "../../platform/errors.ts"
import { tokenOf } from "../presenters/change.ts"
import { type AccountOwner, type LiveMessage, presentLiveEvent } from "../presenters/live-event.ts"
import type { RegistryCache } from "../registry/registry-cache.ts"
import type { RegistrySnapshot } from "../registry/registry-snapshot.ts"
import { readHead } from "./audit-events.ts"

export type LivePage = {
  readonly messages: readonly LiveMessage[]
  /** Everything up to this position was looked at. */
  readonly through: bigint
  /** Whether that was the newest event when it was read. */
  readonly isLast: boolean
}

export type LiveReader = {
  /**
   * The next events of a ledger, in their order.
   * @param only.userId leaves out what cannot be about the user, without reading it
   * @param only.limit events at most
   */
  read(
    ledgerId: string,
    after: bigint,
    only: { readonly userId: string | null; readonly limit: number },
  ): Promise<LivePage>
}

/** So much of the log is searched at once for a user's events. */
const spanMax = 20_000n
const accountsCached = 200_000

/** Reads the log as subscribers and webhooks see it. Whose an account is never changes, so it is kept. */
export function createLiveReader(options: {
  readonly db: Kysely<Database>
  readonly registry: RegistryCache
}): LiveReader {
  const { db, registry } = options
  const owners = new LRUCache<string, { readonly userId: string; readonly tokenId: number }>({
    max: accountsCached,
  })

  async function loadOwners(ledgerId: string, accountIds: ReadonlySet<bigint>): Promise<void> {
    const unknown = [...accountIds].filter((id) => owners.get(`${ledgerId}:${id}`) === undefined)
    if (unknown.length === 0) return
    const { rows } = await sql<{ account_id: bigint; user_id: string; token_id: number }>`
      SELECT account_id, user_id, token_id FROM ledger.accounts
      WHERE ledger_id = ${ledgerId} AND account_id = ANY(${unknown.map(String)}::bigint[])`.execute(db)
    for (const { account_id, user_id, token_id } of rows)
      owners.set(`${ledgerId}:${account_id}`, { userId: user_id, tokenId: token_id })
  }

  /** A token that is newer than our copy of the registry has it loaded again. */
  async function registryWith(ledgerId: string, accountIds: ReadonlySet<bigint>): Promise<RegistrySnapshot> {
    const snapshot = await registry.current()
    const isKnown = (id: bigint) => snapshot.tokens.has(owners.get(`${ledgerId}:${id}`)?.tokenId ?? -1)
    if ([...accountIds].every(isKnown)) return snapshot
    await registry.reload()
    return registry.current()
  }

  return {
    async read(ledgerId, after, { userId, limit }) {
      const { rows, through, isLast } = await readRows(db, ledgerId, after, { userId, limit })
      const events = rows.map(
        (row): RecordedEvent => ({ ...parseEvent(row), position: row.position, recordedAt: row.recordedAt }),
      )
      const sealed = await readSealed(db, ledgerId, events)
      const accountIds = accountsOf(events, sealed)
      await loadOwners(ledgerId, accountIds)
      const snapshot = await registryWith(ledgerId, accountIds)
      const lookup = {
        ledgerId,
        ownerOf(accountId: bigint): AccountOwner {
          const owner = owners.get(`${ledgerId}:${accountId}`)
          invariant(owner !== undefined, `account ${accountId} is in the log and not among the accounts`)
          return { userId: owner.userId, token: tokenOf(snapshot, owner.tokenId) }
        },
        sealedPositions: (sequence: number) => sealed.get(sequence) ?? new Map<number, readonly number[]>(),
      }
      return { messages: events.map((event) => presentLiveEvent(event, lookup)), through, isLast }
    },
  }
}

async function readRows(
  db: Kysely<Database>,
  ledgerId: string,
  after: bigint,
  { userId, limit }: { readonly userId: string | null; readonly limit: number },
): Promise<{ rows: readonly StoredEvent[]; through: bigint; isLast: boolean }> {
  if (userId === null) {
    const rows = await readEvents(db, ledgerId, after, limit)
    return { rows, through: rows.at(-1)?.position ?? after, isLast: rows.length < limit }
  }
  const { position: head } = await readHead(db, ledgerId)
  const upto = head - after > spanMax ? after + spanMax : head
  const rows = await readEventsFor(db, ledgerId, userId, { after, upto, limit })
  const through = rows.length === limit ? (rows.at(-1)?.position ?? upto) : upto
  return { rows, through, isLast: through >= head }
}

/** The changes of the batches that these events are about, by batch and account: only the event that sealed a batch names them. */
async function readSealed(
  db: Kysely<Database>,
  ledgerId: string,
  events: readonly RecordedEvent[],
): Promise<ReadonlyMap<number, ReadonlyMap<number, readonly number[]>>> {
  const sequences = new Set(events.flatMap((event) => batchOf(event) ?? []))
  if (sequences.size === 0) return new Map()
  const batches = await db
    .selectFrom("settlement.batches")
    .select(["batch_sequence", "sealed_position"])
    .where("ledger_id", "=", ledgerId)
    .where("batch_sequence", "in", [...sequences].map(BigInt))
    .execute()
  const positions = batches.map((batch) => batch.sealed_position)
  const sealed = new Map<number, ReadonlyMap<number, readonly number[]>>()
  for (const row of await readEventsAt(db, ledgerId, positions)) {
    const event = parseEvent(row)
    if (event.type !== "SettlementSealed") continue
    const { batch_sequence, accounts } = event.data
    sealed.set(batch_sequence, new Map(accounts.map((account) => [account.account_id, account.positions])))
  }
  return sealed
}

function batchOf({ type, data }: RecordedEvent): number | null {
  switch (type) {
    case "SettlementConfirmed":
    case "SettlementDeferred":
    case "SettlementDissolved":
    case "SettlementCancelled":
    case "ConfirmationRevoked":
      return data.batch_sequence
    default:
      return null
  }
}

function accountsOf(
  events: readonly RecordedEvent[],
  sealed: ReadonlyMap<number, ReadonlyMap<number, unknown>>,
): ReadonlySet<bigint> {
  const ids = new Set<bigint>()
  for (const { account, data } of events) {
    if (account !== null) ids.add(account.accountId)
    if ("accounts" in data) for (const { account_id } of data.accounts) ids.add(BigInt(account_id))
    if ("reopened_account_ids" in data) for (const id of data.reopened_account_ids) ids.add(BigInt(id))
  }
  // A batch that is taken apart names those that were refused, and concerns all of them.
  for (const accounts of sealed.values()) for (const id of accounts.keys()) ids.add(BigInt(id))
  return ids
}
