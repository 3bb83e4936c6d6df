import { randomBytes } from "node:crypto"
import { availableParallelism } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import { isDeepStrictEqual } from "node:util"
import { type Kysely, type Selectable, sql, type Transaction } from "kysely"
import { ChainBridgeError } from "../../platform/errors.ts"
import { databaseUrlOf } from "../../platform/postgres.ts"
import { type BuildRow, readServing } from "../projections/async/build.ts"
import type { Database } from "../store/database.ts"
import { withSnapshot } from "../store/with-snapshot.ts"
import { compareTables } from "./compare-tables.ts"
import type { Problem } from "./find-difference.ts"
import { type FoldedLog, foldSegment, startFold } from "./fold-log.ts"
import { planSegments, type SegmentSizes } from "./scan/plan-segments.ts"
import { openScanPool } from "./scan/scan-pool.ts"
import { verifyErasures } from "./verify-erasures.ts"
import { uncomparedOf } from "./verify-projections.ts"

export type VerifyResult =
  | {
      readonly ok: true
      readonly events: bigint
      readonly accounts: number
      readonly redacted: bigint
      readonly headHash: string
      /** Projections that nobody has built yet, or only another version of the program. */
      readonly uncompared: readonly string[]
    }
  | { readonly ok: false; readonly position: bigint | null; readonly problem: string }

export type VerifyOptions = SegmentSizes & {
  /** Threads that read and check parts of the log; as many as there are cores unless named, none for a small ledger. */
  readonly threads?: number
}

const threadsMax = 4
/** A thread takes longer to start than these take to be read. */
const smallLogEvents = 50_000
const undefinedTable = "42P01"
const attemptsMax = 5

/**
 * Replays a whole ledger from its first event and compares. Of the log: positions, hash chain, details hashes, erasures, the law of unsettled changes, each chain log confirmed once, each
 * revocation matched with what it takes back. Of the tables: the head, accounts, balances, operations, confirmations, batches with the bytes that the chain is sent, their accounts and items,
 * checkpoints and projections; what no event states is listed in docs/event-encoding.md. One snapshot, read only; writes go on meanwhile.
 *
 * The log is read in segments, by threads: an event states the hash of the one before it, so a segment is checked by itself and joined to its neighbours. The events are then replayed in
 * their order, in a compact form. What stays in memory, per million: 8 MB for changes whose amounts end in zeros and 16 for others, 1 MB for what settlement says of them, 7 MB more for
 * settled ones, 80 MB for deposits and withdrawals; a revocation may still name any of them. docs/decisions/parallel-verify.md has the figures.
 * @returns the first problem, with the event that it is about where there is one
 */
export async function verifyLedger(
  db: Kysely<Database>,
  ledgerId: string,
  onProgress: (done: bigint, total: bigint) => void = () => undefined,
  options: VerifyOptions = {},
): Promise<VerifyResult> {
  for (let attempt = 1; ; attempt += 1) {
    const serving = await readServing(db)
    try {
      return await withSnapshot(db, async (trx) => {
        await lockTables(trx, serving)
        if (!isDeepStrictEqual(await readServing(trx), serving)) throw new SwappedError()
        return verifySnapshot({ db, trx, ledgerId, serving }, onProgress, options)
      })
    } catch (error) {
      if (!(error instanceof SwappedError)) throw error
    }
    // One that is rebuilt is swapped once; what is never there has not been swapped.
    if (attempt === attemptsMax)
      return {
        ok: false,
        position: null,
        problem: "ledger.projections names tables of a build that serves which are not there",
      }
    await sleep(attempt * 200)
  }
}

/**
 * Before the snapshot, which the first query takes: to one that is older events would be missing that are being moved to the archive. And a projection that another one takes the place of is dropped, which
 * no snapshot keeps it from.
 * @throws SwappedError where one of them is dropped already
 */
async function lockTables(trx: Transaction<Database>, serving: readonly BuildRow[]): Promise<void> {
  const tables = [
    ...["ledger.events", "archive.events"],
    ...serving.flatMap((build) => build.tables.map((table) => `analytics.${table}`)),
  ]
  try {
    await sql`LOCK TABLE ${sql.join(tables.map((table) => sql.table(table)))} IN ACCESS SHARE MODE`.execute(
      trx,
    )
  } catch (error) {
    throw (error as { code?: unknown }).code === undefinedTable ? new SwappedError() : error
  }
}

/** Another build serves than those that were found a moment ago. */
class SwappedError extends Error {}

async function verifySnapshot(
  of: {
    readonly db: Kysely<Database>
    readonly trx: Transaction<Database>
    readonly ledgerId: string
    readonly serving: readonly BuildRow[]
  },
  onProgress: (done: bigint, total: bigint) => void,
  options: VerifyOptions,
): Promise<VerifyResult> {
  const { db, trx, ledgerId, serving } = of
  const head = await trx
    .selectFrom("ledger.head")
    .selectAll()
    .where("ledger_id", "=", ledgerId)
    .executeTakeFirst()
  if (head === undefined) throw new ChainBridgeError("UNKNOWN_LEDGER", `there is no ledger ${ledgerId}`)
  const { rows } = await sql<{ snapshot_id: string; last: bigint | null }>`
      SELECT pg_export_snapshot() AS snapshot_id, (SELECT max(position) FROM ledger.event_log WHERE ledger_id = ${ledgerId}) AS last`.execute(
    trx,
  )
  const [facts] = rows
  if (facts === undefined) throw new TypeError("the database told nothing about the log")
  const last = Number(facts.last ?? 0n)
  const secret = randomBytes(32)
  const pool = await openScanPool(
    { databaseUrl: databaseUrlOf(db), snapshotId: facts.snapshot_id, ledgerId, secret },
    options.threads ?? (last < smallLogEvents ? 0 : Math.min(availableParallelism(), threadsMax)),
  )
  try {
    const log = startFold()
    const segments = planSegments(last, options)
    for await (const result of pool.run(segments.tasks)) {
      if (result.kind !== "events") continue
      segments.adapt(result.segment)
      const problem = foldSegment(log, secret, result.segment)
      if (problem !== null) return { ok: false, ...problem }
      onProgress(BigInt(log.end), head.position)
    }
    const problem =
      compareHead(log, head) ??
      verifyErasures(log.erased, log.replay.redacted) ??
      (await compareTables({ trx, ledgerId, log, pool, secret, serving }))
    if (problem !== null) return { ok: false, ...problem }
    return {
      ok: true,
      events: BigInt(log.end),
      accounts: log.replay.accounts.size,
      redacted: BigInt(log.erased.length),
      headHash: Buffer.from(log.hash, "latin1").toString("hex"),
      uncompared: uncomparedOf(serving),
    }
  } finally {
    await pool.close()
  }
}

function compareHead(log: FoldedLog, head: Selectable<Database["ledger.head"]>): Problem | null {
  const position = BigInt(log.end)
  const hash = Buffer.from(log.hash, "latin1")
  if (position !== head.position || !hash.equals(head.hash)) {
    return {
      position,
      problem: `the log ends at ${position}, the head says ${head.position}: the tail was lost`,
    }
  }
  if (position > 0n && head.recorded_at.getTime() !== log.recordedAtMs) {
    return {
      position,
      problem: `ledger.head says that the last event was recorded at ${head.recorded_at.toISOString()}, the log says ${new Date(log.recordedAtMs).toISOString()}`,
    }
  }
  const accounts = BigInt(log.replay.accounts.size)
  const batches = BigInt(log.replay.batches.size)
  if (head.account_count === accounts && head.batch_count === batches) return null
  return {
    position,
    problem: `ledger.head counts ${head.account_count} accounts and ${head.batch_count} batches, the log has ${accounts} and ${batches}`,
  }
}
