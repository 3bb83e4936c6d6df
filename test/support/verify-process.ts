// Verifies the ledger named by its arguments in a process of its own, and tells in one line of JSON what came of it and how much memory it took.
import { verifyLedger } from "../../ledger/audit/verify-ledger.ts"
import type { Database } from "../../ledger/store/database.ts"
import { keepYoungGeneration } from "../../platform/keep-young-generation.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"

const [databaseUrl = "", ledgerId = ""] = process.argv.slice(2)
const db = createKysely<Database>(
  createPool({ databaseUrl, applicationName: "test-verify", connectionsMax: 2 }),
)
// As the command does.
keepYoungGeneration()
const before = process.memoryUsage().rss
let done = 0n
const result = await verifyLedger(db, ledgerId, (upto) => (done = upto), { threads: 2 })
await db.destroy()
const takenMb = (process.resourceUsage().maxRSS * 1_024 - before) / 1_048_576
console.log(JSON.stringify({ done: Number(done), problem: result.ok ? null : result.problem, takenMb }))
