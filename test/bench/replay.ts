// `npm run bench:replay`: how fast a ledger is verified and its balances are rebuilt, beside the plain fold of one thread.
import { execFile } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs, promisify } from "node:util"
import { loadText, startBenchCluster, withClient } from "./bench-cluster.ts"
import { type ReplayRow, type ReplayWay, replayWays } from "./replay-row.ts"
import { seedLog } from "./seed-log.ts"
import { shippedReasons } from "./shipped-reasons.ts"

const help = `npm run bench:replay -- [options]

  --events N          of the log that is filled for it (1000000)
  --users N           whose they are (100000)
  --settled SHARE     of the changes that batches have settled, 0 to 1; 0: the batcher has taken all of them in and settled none
  --database-url URL  a database that npm run bench:seed has filled, instead of a PostgreSQL of its own
  --way NAME          only this one: "plain fold", "verify", "verify, one thread" or "rebuild of balances"; several times
  --rounds N          of each, in turns (2); the best counts
  --json FILE         writes {rows:[{way,events,seconds,per_second,cpu_seconds,peak_mb}]}
`
/** The plain fold is not measured to the end of a long log: its rate does not change, its memory does. */
const plainEventsMax = 500_000

const { values: flags } = parseArgs({
  options: {
    events: { type: "string", default: "1000000" },
    users: { type: "string", default: "100000" },
    settled: { type: "string" },
    "database-url": { type: "string" },
    way: { type: "string", multiple: true },
    rounds: { type: "string", default: "2" },
    json: { type: "string" },
    help: { type: "boolean" },
  },
})
if (flags.help === true) process.stdout.write(help)
else await main()

async function main(): Promise<void> {
  const cluster = flags["database-url"] === undefined ? await startBenchCluster() : undefined
  try {
    const databaseUrl = flags["database-url"] ?? (await cluster?.createDatabase("replay"))?.ownerUrl ?? ""
    if (cluster !== undefined) {
      console.log(await cluster.describe())
      await seed(databaseUrl)
    }
    const ledgerId = await longestLedger(databaseUrl)
    const best = new Map<ReplayWay, ReplayRow>()
    for (let round = 0; round < Number(flags.rounds); round += 1) {
      for (const way of replayWays.filter((each) => flags.way?.includes(each) ?? true)) {
        const row = await measure(way, databaseUrl, ledgerId)
        const known = best.get(way)
        if (known === undefined || row.per_second > known.per_second) best.set(way, row)
      }
    }
    print([...best.values()])
  } finally {
    await cluster?.close()
  }
}

async function seed(databaseUrl: string): Promise<void> {
  const facts = await withClient(databaseUrl, (client) =>
    client.query<{ ledger_id: string; token_id: number }>(
      "SELECT ledger_id, (SELECT min(token_id) FROM registry.tokens) AS token_id FROM ledger.head ORDER BY ledger_id LIMIT 1",
    ),
  )
  const [{ ledger_id: ledgerId, token_id: tokenId } = { ledger_id: "", token_id: 0 }] = facts.rows
  const began = performance.now()
  const { events, accounts } = await seedLog({
    databaseUrl,
    ledgerId,
    tokenId,
    reasons: shippedReasons(),
    events: Number(flags.events),
    users: Number(flags.users),
    ...(flags.settled === undefined ? {} : { settledShare: Number(flags.settled) }),
  })
  const seconds = (performance.now() - began) / 1_000
  console.log(`filled with ${events} events of ${accounts} accounts in ${seconds.toFixed(0)} s`)
}

async function longestLedger(databaseUrl: string): Promise<string> {
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query<{ ledger_id: string }>("SELECT ledger_id FROM ledger.head ORDER BY position DESC LIMIT 1"),
  )
  const [row] = rows
  if (row === undefined) throw new Error("there is no ledger in that database")
  return row.ledger_id
}

async function measure(way: ReplayWay, databaseUrl: string, ledgerId: string): Promise<ReplayRow> {
  const program = join(import.meta.dirname, "replay-process.ts")
  const { stdout } = await promisify(execFile)(process.execPath, [
    program,
    ...[way, databaseUrl, ledgerId, String(plainEventsMax)],
  ])
  return JSON.parse(stdout) as ReplayRow
}

function print(rows: readonly ReplayRow[]): void {
  console.table(rows)
  const plain = rows.find(({ way }) => way === "plain fold")
  for (const row of rows) {
    if (plain === undefined || row === plain) continue
    console.log(`${row.way}: ${(row.per_second / plain.per_second).toFixed(1)} × the plain fold`)
  }
  console.log(`load average ${loadText()}`)
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify({ rows }, null, 2)}\n`)
}
