// `npm run bench:seed`: a ledger with millions of events, as the product would have written them, to measure on.
import { parseArgs } from "node:util"
import { ensureApp } from "../../cli/registry/ensure-app.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { insertToken } from "../support/insert-token.ts"
import { seedLog } from "./seed-log.ts"
import { shippedReasons } from "./shipped-reasons.ts"

const help = `npm run bench:seed -- --events N --users U [--database-url URL] [--app NAME] [--per-operation K] [--settled SHARE]

Fills the ledger of an app (made where it is missing, "seeded" unless named) with N events of U users, in a migrated database: the owner's login, or DATABASE_URL.
--per-operation  adjustments of an operation, 1 unless named
--settled        share of the changes that batches have settled, 0 to 1; 0: all wait in the batcher's table; without it the batcher has seen nothing
`
const { values: flags } = parseArgs({
  options: {
    events: { type: "string", default: "1000000" },
    users: { type: "string", default: "100000" },
    "database-url": { type: "string", default: process.env["DATABASE_URL"] ?? "" },
    app: { type: "string", default: "seeded" },
    "per-operation": { type: "string", default: "1" },
    settled: { type: "string" },
    help: { type: "boolean" },
  },
})
if (flags.help === true || flags["database-url"] === "") process.stdout.write(help)
else await main()

async function main(): Promise<void> {
  const pool = createPool({
    databaseUrl: flags["database-url"],
    applicationName: "chainbridge-seed",
    connectionsMax: 2,
  })
  const db = createKysely<Database>(pool)
  try {
    const { ledgerId } = await ensureApp(db, flags.app)
    const token = await db
      .selectFrom("registry.tokens")
      .select("token_id")
      .orderBy("is_default", "desc")
      .orderBy("token_id")
      .limit(1)
      .executeTakeFirst()
    const tokenId =
      token?.token_id ?? (await insertToken(db, { address: `0x${"44".repeat(20)}`, strategy: {} }))
    const began = performance.now()
    const secondsSince = () => (performance.now() - began) / 1_000
    const seeded = await seedLog({
      databaseUrl: flags["database-url"],
      ledgerId,
      tokenId,
      reasons: shippedReasons(),
      events: Number(flags.events),
      users: Number(flags.users),
      adjustmentsPerOperation: Number(flags["per-operation"]),
      ...(flags.settled === undefined ? {} : { settledShare: Number(flags.settled) }),
      onProgress: (events) => {
        if (process.stderr.isTTY)
          process.stderr.write(`\r${events} events, ${Math.round(events / secondsSince())}/s `)
      },
    })
    if (process.stderr.isTTY) process.stderr.write("\n")
    const seconds = secondsSince()
    console.log(
      `ledger ${ledgerId}: ${seeded.events} events, ${seeded.accounts} accounts in ${seconds.toFixed(1)} s, ${Math.round(seeded.events / seconds)}/s with indexes`,
    )
  } finally {
    await db.destroy()
  }
}
