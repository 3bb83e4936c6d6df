import { type Kysely, sql, type Transaction } from "kysely"
import { ChainBridgeError } from "../../platform/errors.ts"
import { genesisHash, hashDetails, hashEvent } from "../domain/event-encoding.ts"
import { type Replay, ReplayFault, replayEvent, startReplay } from "../domain/replay.ts"
import type { Database } from "../store/database.ts"
import { parseEvent, readEvents, type StoredEvent } from "../store/read-events.ts"

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
 * Replays a whole ledger from its first event and compares: positions, hash chain, details hashes, the law of unsettled changes, the head, every row of accounts and balances,
 * and the settlement tables' idea of what is unsettled. One snapshot, read only; writes go on meanwhile.
 */
export async function verifyLedger(
  db: Kysely<Database>,
  ledgerId: string,
  onProgress: (done: bigint, total: bigint) => void = () => undefined,
): Promise<VerifyResult> {
  return db
    .transaction()
    .setIsolationLevel("repeatable read")
    .setAccessMode("read only")
    .execute(async (trx) => {
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
      const problem =
        (await compareBalances(trx, ledgerId, replay)) ?? (await compareUnsettled(trx, ledgerId, replay))
      if (problem !== null) return { ok: false, position: null, problem }
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

async function compareBalances(
  trx: Transaction<Database>,
  ledgerId: string,
  replay: Replay,
): Promise<string | null> {
  const rows = await trx
    .selectFrom("ledger.accounts as a")
    .leftJoin("ledger.balances as b", (join) =>
      join.onRef("b.ledger_id", "=", "a.ledger_id").onRef("b.account_id", "=", "a.account_id"),
    )
    .select(["a.account_id", "b.pending", "b.confirmed"])
    .where("a.ledger_id", "=", ledgerId)
    .execute()
  if (rows.length !== replay.accounts.size) {
    return `the log opens ${replay.accounts.size} accounts, the table has ${rows.length}`
  }
  for (const row of rows) {
    const account = replay.accounts.get(row.account_id)
    if (account === undefined) return `account ${row.account_id} is in the table and not in the log`
    if (row.pending !== account.pending || row.confirmed !== account.confirmed) {
      return `account ${row.account_id}: the table says pending ${row.pending}, confirmed ${row.confirmed}; the log says ${account.pending}, ${account.confirmed}`
    }
  }
  return null
}

/** Every unsettled change of the log up to the intake is waiting or sealed in the settlement tables, and nothing else is. */
async function compareUnsettled(
  trx: Transaction<Database>,
  ledgerId: string,
  replay: Replay,
): Promise<string | null> {
  const intake = await trx
    .selectFrom("settlement.intake")
    .select("position")
    .where("ledger_id", "=", ledgerId)
    .executeTakeFirst()
  const { rows } = await sql<{ account_id: bigint; unsettled: bigint }>`
    SELECT account_id, sum(amount) AS unsettled FROM (
      SELECT account_id, amount FROM settlement.batch_items
      WHERE ledger_id = ${ledgerId} AND state IN ('waiting', 'sealed')
      UNION ALL
      SELECT account_id, amount FROM ledger.events
      WHERE ledger_id = ${ledgerId} AND position > ${intake?.position ?? 0n} AND type = 'AdjustmentRecorded'
    ) AS changes GROUP BY account_id`.execute(trx)
  const found = new Map(rows.map((row) => [row.account_id, row.unsettled]))
  for (const [accountId, account] of replay.accounts) {
    const unsettled = found.get(accountId) ?? 0n
    if (unsettled !== account.unsettled) {
      return `account ${accountId}: settlement holds ${unsettled} unsettled, the log says ${account.unsettled}`
    }
  }
  return null
}
