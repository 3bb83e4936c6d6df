// A process of its own for each way to go through a log, so that its peak memory is its own. Writes one line of JSON.
import { verifyLedger } from "../../ledger/audit/verify-ledger.ts"
import { rebuildBalances } from "../../ledger/projections/rebuild-balances.ts"
import type { Database } from "../../ledger/store/database.ts"
import { keepYoungGeneration } from "../../platform/keep-young-generation.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { foldPlainly } from "./plain-fold.ts"
import type { ReplayRow, ReplayWay } from "./replay-row.ts"

const [way, databaseUrl = "", ledgerId = "", events = ""] = process.argv.slice(2)
const pool = createPool({ databaseUrl, applicationName: "chainbridge-bench", connectionsMax: 2 })
const db = createKysely<Database>(pool)
const before = process.cpuUsage()
const began = performance.now()
const { read, ms } = await measure()
const seconds = (ms ?? performance.now() - began) / 1_000
const { user, system } = process.cpuUsage(before)
await db.destroy()
const row: ReplayRow = {
  way: way as ReplayWay,
  events: read,
  seconds: Math.round(seconds * 100) / 100,
  per_second: Math.round(read / seconds),
  cpu_seconds: Math.round((user + system) / 10_000) / 100,
  peak_mb: Math.round(process.resourceUsage().maxRSS / 1_024),
}
process.stdout.write(`${JSON.stringify(row)}\n`)

async function measure(): Promise<{ read: number; ms?: number }> {
  switch (way as ReplayWay) {
    case "plain fold":
      return { read: await foldPlainly(db, ledgerId, Number(events)) }
    case "verify":
    case "verify, one thread": {
      // As the command does.
      keepYoungGeneration()
      const options = way === "verify" ? {} : { threads: 0 }
      const result = await verifyLedger(db, ledgerId, undefined, options)
      if (!result.ok) throw new Error(`position ${result.position}: ${result.problem}`)
      return { read: Number(result.events) }
    }
    case "rebuild of balances": {
      const rebuilt = await db
        .transaction()
        .setIsolationLevel("repeatable read")
        .execute((trx) => rebuildBalances(trx, ledgerId))
      if (rebuilt.problem !== null) throw new Error(rebuilt.problem.problem)
      return { read: Number(rebuilt.events), ms: rebuilt.foldMs }
    }
  }
}
