import { randomBytes } from "node:crypto"
import { chmodSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Command } from "commander"
import { findFreePort } from "../../cli/stack/free-port.ts"
import { startPostgresCluster } from "../../cli/stack/postgres-cluster.ts"
import { startGuard } from "../../cli/stack/start-guard.ts"
import { showProgress } from "../demo/progress-bars.ts"
import { runWriterKills, summarize } from "./run-writer-kills.ts"

const { kills, seed } = new Command("chaos:writer")
  .description(
    "Kills the API with SIGKILL, again and again, while a backend writes to it; then checks that nothing acknowledged was lost, nothing is there in halves, nothing twice.",
  )
  .option("--kills <number>", "how many times", wholeNumber, 200)
  .option("--seed <number>", "the load and the moments of the kills", wholeNumber, Date.now() % 1_000_000)
  .addHelpText("after", "\nExample:\n  npm run chaos:writer -- --kills 20 --seed 7")
  .parse()
  .opts<{ kills: number; seed: number }>()

console.log(`seed ${seed}`)
const directory = mkdtempSync(join(tmpdir(), "chainbridge-writer-"))
chmodSync(directory, 0o700)
// Stops PostgreSQL and removes the directory, however this process ends.
const guard = await startGuard()
guard.removeAtEnd(directory)
let isGood = false
try {
  const { adminUrl } = await startPostgresCluster({
    guard,
    directory: join(directory, "postgres"),
    port: await findFreePort(),
    password: randomBytes(16).toString("hex"),
    logFile: join(directory, "postgres.log"),
  })
  const bars = showProgress(["kills"], kills)
  const onKill = (done: number) => bars.set("kills", done)
  const result = await runWriterKills({ adminUrl, kills, seed, onKill }).finally(() => bars.stop())
  for (const fault of result.faults) console.log(`  ${fault}`)
  isGood = result.faults.length === 0
  console.log(`${isGood ? "PASSED" : "FAILED"}: ${summarize(result, seed)}`)
} catch (error) {
  console.error(`FAILED: seed ${seed}: ${error instanceof Error ? error.message : String(error)}`)
} finally {
  await guard.close()
}
process.exit(isGood ? 0 : 1)

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new Error(`"${text}" is not a whole number`)
}
