// `npm run bench:indexes`: what the history index costs a write, and what each index of the growing tables takes on disk.
import { randomBytes } from "node:crypto"
import { parseArgs } from "node:util"
import type { Adjustment } from "../../ledger/domain/adjust-balance.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createLedgerWriter, type LedgerWriter } from "../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../ledger/writer/token-directory.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { createSeededRandom } from "../demo/seeded-random.ts"
import { loadText, startBenchCluster, withClient } from "./bench-cluster.ts"
import { seedLog } from "./seed-log.ts"

const { values: flags } = parseArgs({
  options: {
    events: { type: "string", default: "2000000" },
    users: { type: "string", default: "100000" },
    rounds: { type: "string", default: "4" },
  },
})
const users = Number(flags.users)
const operationsPerRound = 40
const adjustmentsPerOperation = 1_000
const random = createSeededRandom(1)
let operations = 0

const cluster = await startBenchCluster()
try {
  console.log(await cluster.describe())
  const { ownerUrl, appUrl, tokenId, ledgers } = await cluster.createDatabase("indexes")
  const [ledger] = ledgers
  if (ledger === undefined) throw new Error("the database has no ledger")
  const { ledgerId } = ledger
  await seedLog({
    databaseUrl: ownerUrl,
    ledgerId,
    tokenId,
    reasons: [
      { reasonType: "reward", businessType: "reward", priority: "normal", metadataKeys: ["activity_id"] },
    ],
    events: Number(flags.events),
    users,
    settledShare: 0.5,
  })
  await withClient(ownerUrl, (owner) => owner.query("VACUUM ANALYZE"))
  await printSizes(ownerUrl, Number(flags.events))
  const db = createKysely<Database>(
    createPool({ databaseUrl: appUrl, applicationName: "bench-indexes", connectionsMax: 2 }),
  )
  const writerPool = createWriterPool({ databaseUrl: appUrl, applicationName: "bench-indexes" })
  const tokens = createTokenDirectory(db, ledgerId)
  const writer = createLedgerWriter({ db, writerPool, ledgerId, tokens, logger: createLogger("bench") })
  const took: { with: number[]; without: number[] } = { with: [], without: [] }
  await measure(writer, tokenId)
  for (let round = 0; round < Number(flags.rounds); round += 1) {
    took.with.push(await measure(writer, tokenId))
    await withClient(ownerUrl, (owner) => owner.query("DROP INDEX ledger.events_account"))
    took.without.push(await measure(writer, tokenId))
    await withClient(ownerUrl, (owner) =>
      owner.query(
        "CREATE INDEX events_account ON ledger.events (ledger_id, account_id, position) WHERE account_id IS NOT NULL",
      ),
    )
  }
  const withIndex = Math.min(...took.with)
  const without = Math.min(...took.without)
  console.log(
    `an adjustment, ${adjustmentsPerOperation} an operation, random accounts, best of ${flags.rounds} rounds: ` +
      `${withIndex.toFixed(1)} µs with the history index, ${without.toFixed(1)} µs without (load average ${loadText()})`,
  )
  await writer.stop()
  await writerPool.end()
  await db.destroy()
} finally {
  await cluster.close()
}

/** @returns microseconds for an adjustment */
async function measure(writer: LedgerWriter, tokenId: number): Promise<number> {
  const began = performance.now()
  for (let index = 0; index < operationsPerRound; index += 1) {
    operations += 1
    const { outcome } = await writer.execute({
      kind: "AdjustBalance",
      operationId: `indexes-${operations}`,
      sequence: 0,
      requestHash: randomBytes(32),
      route: "/balance/adjust",
      businessBatchId: null,
      answerContext: {},
      adjustments: Array.from({ length: adjustmentsPerOperation }, () => drawAdjustment(tokenId)),
    })
    if (outcome !== "recorded") throw new Error(`an operation was answered by ${outcome}`)
  }
  return ((performance.now() - began) * 1_000) / (operationsPerRound * adjustmentsPerOperation)
}

function drawAdjustment(tokenId: number): Adjustment {
  return {
    userId: `user_${String(random.between(0, users - 1)).padStart(7, "0")}`,
    tokenId,
    amountBaseUnits: 10n ** 18n,
    reasonType: "reward",
    businessType: "reward",
    priority: "normal",
    isImmediate: false,
    maxWaitMs: null,
    reasonDetail: "Daily activity",
    metadata: { activity_id: "spring_2026" },
  }
}

async function printSizes(ownerUrl: string, events: number): Promise<void> {
  const { rows } = await withClient(ownerUrl, (owner) =>
    owner.query<{ name: string; kind: string; bytes: bigint }>(`
      SELECT coalesce(p.relname, c.relname) AS name, CASE c.relkind WHEN 'r' THEN 'table' ELSE 'index' END AS kind,
        sum(pg_relation_size(c.oid))::bigint AS bytes
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
      WHERE n.nspname IN ('ledger', 'settlement', 'archive', 'analytics') AND c.relkind IN ('r', 'i')
      GROUP BY 1, 2 HAVING sum(pg_relation_size(c.oid)) > 1000000 ORDER BY 3 DESC`),
  )
  console.log(`${events} events of ${users} users; bytes for each event:`)
  for (const { name, kind, bytes } of rows)
    console.log(`  ${kind} ${name.padEnd(40)} ${(Number(bytes) / events).toFixed(1)}`)
}
