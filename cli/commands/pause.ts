import { type Kysely, sql, type Transaction } from "kysely"
import type { OperatorAction } from "../../ledger/domain/operator-action.ts"
import type { Database } from "../../ledger/store/database.ts"
import { type LaneName, pauseLanes, resumeLanes } from "../../ledger/store/pause-lanes.ts"
import { recordAction } from "../../ledger/store/record-action.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { commandInitiator } from "./command-initiator.ts"
import { withDatabase } from "./open-database.ts"

type Options = { readonly dataDir: string; readonly token?: string }

/** `chainbridge pause`: stops settlement in every ledger until somebody resumes it. */
export async function pauseCommand(options: Options & { readonly reason: string }): Promise<void> {
  await withDatabase(options.dataDir, async (db) => {
    const lanes = await findLanes(db, options.token)
    const paused = await db.transaction().execute(async (trx) => {
      const after = await pauseLanes(trx, lanes, { reason: options.reason, by: "operator" })
      await recordForEachLedger(trx, after, (own) => ({
        action: "settlement.paused",
        before: { paused: own.filter((lane) => lane.wasPaused).map(nameOf) },
        after: { paused: own.map(nameOf), reason: options.reason },
      }))
      return after
    })
    const before = paused.filter((lane) => lane.wasPaused).length
    const already = before === 0 ? "" : ` (${before} were paused already and keep their first reason)`
    process.stdout.write(`paused ${countOf(paused.length)}${already}\n`)
  })
}

/** `chainbridge resume`: lets it go on, whatever paused it. */
export async function resumeCommand(options: Options): Promise<void> {
  await withDatabase(options.dataDir, async (db) => {
    const lanes = await findLanes(db, options.token)
    const resumed = await db.transaction().execute(async (trx) => {
      const before = await resumeLanes(trx, lanes)
      await recordForEachLedger(trx, before, (own) => ({
        action: "settlement.resumed",
        before: { paused: own.map((lane) => ({ lane: nameOf(lane), reason: lane.reason })) },
        after: { paused: [] },
      }))
      return before
    })
    for (const lane of resumed)
      process.stdout.write(
        `${lane.ledgerId} token ${lane.tokenId}: was paused since ${lane.pausedAt.toISOString()}: ${lane.reason}\n`,
      )
    process.stdout.write(`resumed ${countOf(resumed.length)}\n`)
  })
}

/** Whoever looks after one app sees what happened to it. */
async function recordForEachLedger<Lane extends LaneName>(
  trx: Transaction<Database>,
  lanes: readonly Lane[],
  tell: (own: readonly Lane[]) => Pick<OperatorAction, "action" | "before" | "after">,
): Promise<void> {
  for (const ledgerId of new Set(lanes.map((lane) => lane.ledgerId))) {
    const own = lanes.filter((lane) => lane.ledgerId === ledgerId)
    await recordAction(trx, { ...commandInitiator(), ledgerId, subject: null, ...tell(own) })
  }
}

function nameOf({ tokenId }: LaneName): string {
  return `token ${tokenId}`
}

async function findLanes(db: Kysely<Database>, token: string | undefined): Promise<LaneName[]> {
  const { rows } = await sql<{ ledger_id: string; token_id: number }>`
    SELECT l.ledger_id, t.token_id FROM registry.ledgers l CROSS JOIN registry.tokens t
    WHERE ${token ?? null}::text IS NULL OR t.symbol = ${token ?? null}`.execute(db)
  if (rows.length === 0) {
    const what = token === undefined ? "no app or no token yet" : `no token ${token}`
    throw new ChainBridgeError("NO_LANE", `there is ${what}`)
  }
  return rows.map((row) => ({ ledgerId: row.ledger_id, tokenId: row.token_id }))
}

function countOf(lanes: number): string {
  return `${lanes} ${lanes === 1 ? "lane" : "lanes"}`
}
