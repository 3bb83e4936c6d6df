import type { Kysely } from "kysely"
import { ChainBridgeError } from "../../platform/errors.ts"
import { genesisHash, hashDetails, hashEvent } from "../domain/event-encoding.ts"
import { type Replay, replayEvent, startReplay } from "../domain/replay.ts"
import { ReplayFault } from "../domain/replay-fault.ts"
import type { Database } from "../store/database.ts"
import { parseEvent, readEvents, type StoredEvent } from "../store/read-events.ts"
import { withSnapshot } from "../store/with-snapshot.ts"
import { verifyAccounts } from "./verify-accounts.ts"
import { verifyAnchors } from "./verify-anchors.ts"
import { verifyBalances } from "./verify-balances.ts"
import { verifyBatches } from "./verify-batches.ts"
import { verifyConfirmations } from "./verify-confirmations.ts"
import { verifyItems } from "./verify-items.ts"
import { verifyOperations } from "./verify-operations.ts"

export type VerifyResult =
  | {
      readonly ok: true
      readonly events: bigint
      readonly accounts: number
      readonly redacted: bigint
      readonly headHash: string
    }
  | { readonly ok: false; readonly position: bigint | null; readonly problem: string }

const pageSize = 5_000

/**
 * Replays a whole ledger from its first event and compares. Of the log: positions, hash chain, details hashes, the law of unsettled changes, each chain log confirmed once, each revocation matched
 * with what it takes back. Of the tables: the head, accounts, balances, operations, confirmations, batches with the bytes that the chain is sent, their accounts and items; what no event
 * states is listed in docs/event-encoding.md. One snapshot, read only; writes go on meanwhile.
 *
 * The log is read in pages, and sets are compared in the database. What stays in memory are balances, and per million about 120 MB for changes that wait, 60 MB for changes that a
 * batch has settled, and 160 MB for deposits and withdrawals: a revocation may still name any of them.
 * @returns the first problem, with the event that it is about where there is one
 */
export async function verifyLedger(
  db: Kysely<Database>,
  ledgerId: string,
  onProgress: (done: bigint, total: bigint) => void = () => undefined,
): Promise<VerifyResult> {
  return withSnapshot(db, async (trx) => {
    const head = await trx
      .selectFrom("ledger.head")
      .selectAll()
      .where("ledger_id", "=", ledgerId)
      .executeTakeFirst()
    if (head === undefined) throw new ChainBridgeError("UNKNOWN_LEDGER", `there is no ledger ${ledgerId}`)
    const replay = startReplay()
    let position = 0n
    let hash = genesisHash
    let redacted = 0n
    for (;;) {
      const page = await readEvents(trx, ledgerId, position, pageSize)
      for (const event of page) {
        const problem = checkEvent(event, position + 1n, hash, replay)
        if (problem !== null) return { ok: false, position: event.position, problem }
        position = event.position
        hash = event.hash
        if (event.detailsHash !== null && event.detailsJson === null) redacted += 1n
      }
      onProgress(position, head.position)
      if (page.length < pageSize) break
    }
    if (position !== head.position || !hash.equals(head.hash)) {
      return {
        ok: false,
        position,
        problem: `the log ends at ${position}, the head says ${head.position}: the tail was lost`,
      }
    }
    const accounts = BigInt(replay.accounts.size)
    const batches = BigInt(replay.batches.size)
    if (head.account_count !== accounts || head.batch_count !== batches) {
      return {
        ok: false,
        position,
        problem: `ledger.head counts ${head.account_count} accounts and ${head.batch_count} batches, the log has ${accounts} and ${batches}`,
      }
    }
    const problem =
      (await verifyAccounts(trx, ledgerId)) ??
      (await verifyBalances(trx, ledgerId, replay)) ??
      (await verifyOperations(trx, ledgerId)) ??
      (await verifyConfirmations(trx, ledgerId)) ??
      (await verifyAnchors(trx, ledgerId)) ??
      (await verifyBatches(trx, ledgerId, replay)) ??
      (await verifyItems(trx, ledgerId, replay))
    if (problem !== null) return { ok: false, ...problem }
    return {
      ok: true,
      events: position,
      accounts: replay.accounts.size,
      redacted,
      headHash: hash.toString("hex"),
    }
  })
}

function checkEvent(
  event: StoredEvent,
  expected: bigint,
  previousHash: Buffer,
  replay: Replay,
): string | null {
  if (event.position !== expected) return `position ${expected} is missing`
  if (!event.prevHash.equals(previousHash)) return "its previous hash is not the hash of the event before it"
  if (!hashEvent(previousHash, event).equals(event.hash)) return "its content does not give its hash"
  if (event.salt !== null && event.detailsJson !== null) {
    if (event.detailsHash?.equals(hashDetails(event.salt, event.detailsJson)) !== true) {
      return "its details do not give their hash"
    }
  }
  try {
    replayEvent(replay, event.position, parseEvent(event))
    return null
  } catch (error) {
    if (error instanceof ReplayFault || error instanceof ChainBridgeError) return error.message
    throw error
  }
}
