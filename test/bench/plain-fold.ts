import { createHash } from "node:crypto"
import type { Kysely } from "kysely"
import { effectsOf } from "../../ledger/domain/effects.ts"
import { genesisHash } from "../../ledger/domain/event-encoding.ts"
import type { Database } from "../../ledger/store/database.ts"
import { parseEvent, readEvents, type StoredEvent } from "../../ledger/store/read-events.ts"

const pageEvents = 5_000

/**
 * The baseline: a log read page by page in one thread, every event an object, its fields copied into the bytes that are hashed, balances and waiting changes in maps of bigints. It checks the
 * chain, the details and every balance, and compares no table.
 * @param events to read, from the first one on
 */
export async function foldPlainly(db: Kysely<Database>, ledgerId: string, events: number): Promise<number> {
  const balances = new Map<bigint, bigint>()
  const waiting = new Map<bigint, { accountId: bigint; amount: bigint }>()
  let position = 0n
  let hash = genesisHash
  while (position < BigInt(events)) {
    const page = await readEvents(db, ledgerId, position, pageEvents)
    for (const stored of page) {
      if (!stored.prevHash.equals(hash) || !chainHash(hash, stored).equals(stored.hash))
        throw new Error(`the chain breaks at ${stored.position}`)
      if (stored.salt !== null && stored.detailsJson !== null) {
        const digest = createHash("sha256").update(stored.salt).update(stored.detailsJson).digest()
        if (stored.detailsHash?.equals(digest) !== true)
          throw new Error(`details differ at ${stored.position}`)
      }
      const event = parseEvent(stored)
      for (const { accountId, pending } of effectsOf(event))
        balances.set(accountId, (balances.get(accountId) ?? 0n) + pending)
      if (event.account !== null) {
        const { accountId, amount, balanceAfter } = event.account
        if (balances.get(accountId) !== balanceAfter)
          throw new Error(`a balance differs at ${stored.position}`)
        if (event.type === "AdjustmentRecorded") waiting.set(stored.position, { accountId, amount })
      }
      position = stored.position
      hash = stored.hash
    }
    if (page.length < pageEvents) break
  }
  return Number(position)
}

function chainHash(previous: Buffer, event: StoredEvent): Buffer {
  const fields: (string | Buffer | null)[] = [
    "chainbridge-event-1",
    event.ledgerId,
    event.position.toString(),
    event.type,
    event.version.toString(),
    event.operationId,
    event.sequence?.toString() ?? null,
    event.accountId?.toString() ?? null,
    event.amount?.toString() ?? null,
    event.balanceAfter?.toString() ?? null,
    event.occurredAt.toISOString(),
    event.recordedAt.toISOString(),
    event.causation,
    event.dataJson,
    event.detailsHash,
  ]
  const digest = createHash("sha256").update(previous)
  for (const field of fields) {
    const bytes = typeof field === "string" ? Buffer.from(field) : field
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes?.length ?? 0xffffffff)
    digest.update(length)
    if (bytes !== null) digest.update(bytes)
  }
  return digest.digest()
}
