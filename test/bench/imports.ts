// `npm run bench:imports`: how many lines a second `chainbridge import` records, from the file on the disk to the last line in the ledger.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createWriteStream, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { finished } from "node:stream/promises"
import { parseArgs } from "node:util"
import pg from "pg"
import { inherited } from "../support/inherited.ts"
import { loadText, startBenchCluster } from "./bench-cluster.ts"

const help = `npm run bench:imports -- [--lines N] [--users U]

Imports a CSV of N adjustments (200,000 unless named) of U users (20,000) into an empty ledger of a PostgreSQL of its own:
with keys made for the lines, and once more with an operation_id on every line.
`
const { values: flags } = parseArgs({
  options: {
    lines: { type: "string", default: "200000" },
    users: { type: "string", default: "20000" },
    help: { type: "boolean" },
  },
})
if (flags.help === true) process.stdout.write(help)
else await main()

async function main(): Promise<void> {
  const lines = Number(flags.lines)
  const users = Number(flags.users)
  const directory = mkdtempSync(join(tmpdir(), "chainbridge-bench-"))
  const cluster = await startBenchCluster()
  try {
    console.log(await cluster.describe())
    const database = await cluster.createDatabase("imports")
    const ledgerId = database.ledgers[0]?.ledgerId ?? ""
    for (const isKeyed of [false, true]) {
      const path = join(directory, `${isKeyed ? "keyed" : "plain"}.csv`)
      await writeFile(path, lines, users, isKeyed)
      await importFile(path, database.appUrl, ledgerId)
      const row = await readTimes(database.ownerUrl, path)
      console.log(
        `${lines} lines${isKeyed ? ", each with an operation_id" : ""}: received in ${row.receive.toFixed(1)} s, applied in ${row.apply.toFixed(1)} s, ${Math.round(lines / row.apply)} lines/s (load average ${loadText()})`,
      )
    }
  } finally {
    await cluster.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function writeFile(path: string, lines: number, users: number, isKeyed: boolean): Promise<void> {
  const file = createWriteStream(path)
  file.write("user_id,token_symbol,amount,reason_type,reason_detail,metadata,operation_id\n")
  for (let line = 0; line < lines; line += 1) {
    const key = isKeyed ? `reward-${line}` : ""
    const text = `user-${(line * 7_919) % users},CPOP,+${1 + (line % 500)}.25,reward,Daily check-in,"{""activity_id"":""a-${line}""}",${key}\n`
    if (!file.write(text)) await once(file, "drain")
  }
  file.end()
  await finished(file)
}

function importFile(path: string, databaseUrl: string, ledgerId: string): Promise<void> {
  const main = join(import.meta.dirname, "../../cli/main.ts")
  const child = spawn(process.execPath, [main, "import", path, "--ledger", ledgerId], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...inherited, DATABASE_URL: databaseUrl },
  })
  return new Promise((resolve, reject) => {
    child.once("exit", (code) =>
      code === 0 ? resolve() : reject(new Error(`the import ended with ${code}`)),
    )
  })
}

/** In seconds, by the database's clock. */
async function readTimes(ownerUrl: string, path: string): Promise<{ receive: number; apply: number }> {
  const client = new pg.Client({ connectionString: ownerUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ receive: number; apply: number }>(
      `SELECT extract(epoch FROM received_at - created_at)::float8 AS receive, extract(epoch FROM finished_at - started_at)::float8 AS apply
       FROM ledger.imports WHERE file_name = $1`,
      [path.split("/").at(-1)],
    )
    return rows[0] ?? { receive: 0, apply: 0 }
  } finally {
    await client.end()
  }
}
