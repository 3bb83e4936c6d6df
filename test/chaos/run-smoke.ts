import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createApiClient } from "../demo/api-client.ts"
import { expectOutcomes } from "../demo/expect-outcomes.ts"
import { generateStream } from "../demo/generate-stream.ts"
import { readJournal } from "../demo/journal.ts"
import { readRules } from "../demo/read-rules.ts"
import { createSeededRandom } from "../demo/seeded-random.ts"
import { ofRun, writeStreamFile } from "../demo/stream-operation.ts"
import { unexpectedOutcomes } from "../demo/unexpected-outcomes.ts"
import { waitWhileMoving } from "../demo/wait-while-moving.ts"
import { openChaosStack } from "./chaos-stack.ts"
import { type PlannedKill, planKills } from "./plan-kills.ts"
import { type RunningProgram, runProgram } from "./run-program.ts"

export type SmokeOptions = {
  readonly kills: number
  readonly count: number
  readonly users: number
  readonly seed: number
  readonly isKept: boolean
}

const run = "chaos"
const standstillMs = 120_000

/** The API answers before the stack is ready: for this share of the time that a start takes. */
const answeringShare = 0.7

/** It may be done or killed; anything else is a fault that it has found. */
function assertClient({ code, said }: Awaited<RunningProgram["ended"]>): void {
  if (code !== 0 && code !== "SIGKILL") throw new Error(`the client ended with ${code}: ${said}`)
}

/** Requests a second, so that the stream lasts until the last kill: whatever is killed, something is in flight. Without limit after it. */
function rateFor(openRequests: number, startMs: number, kills: readonly PlannedKill[]): number {
  const lifeMs = kills.reduce(
    (sum, kill) => sum + (kill.during === "running" ? answeringShare * startMs + kill.afterMs : 0),
    0,
  )
  return lifeMs === 0 ? 1_000_000 : Math.ceil((openRequests * 1_000) / lifeMs)
}

/** @returns whether nothing was lost and nothing happened twice */
export async function runSmoke(options: SmokeOptions): Promise<boolean> {
  const began = Date.now()
  const directory = mkdtempSync(join(tmpdir(), "chainbridge-chaos-"))
  const file = join(directory, "stream.ndjson")
  const journal = join(directory, "journal.ndjson")
  const random = createSeededRandom(options.seed)
  const kills = planKills(random, options.kills)
  const day = [
    ...generateStream({
      seed: options.seed,
      adjustments: options.count,
      users: options.users,
      quiet: 0,
      tokenSymbol: "CPOP",
    }),
  ]
  writeStreamFile(file, day)
  const say = (text: string) =>
    console.log(`${String(Math.round((Date.now() - began) / 1_000)).padStart(4)} s  ${text}`)
  say(
    `seed ${options.seed}: ${options.kills} kills while ${options.count} adjustments come in ${day.length} requests`,
  )

  const stack = await openChaosStack(join(directory, "stack"))
  let client: RunningProgram | undefined
  const interrupt = () => {
    client?.kill()
    void stack.close().finally(() => {
      rmSync(directory, { recursive: true, force: true })
      process.exit(130)
    })
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, interrupt)
  let isGood = false
  try {
    const startBegan = Date.now()
    let details = await stack.start()
    const startMs = Date.now() - startBegan
    const env = { CHAINBRIDGE_API_KEY: details.api_key }
    const startClient = (killsBefore: number) => {
      const open = day.length - readJournal(journal).length
      const rate = rateFor(open, startMs, kills.slice(killsBefore))
      return runProgram(
        "client.ts",
        [
          ...["--url", details.api_url, "--run", run, "--file", file],
          ...["--journal", journal, "--rate", String(rate)],
        ],
        env,
      )
    }
    client = startClient(0)
    for (const [index, kill] of kills.entries()) {
      const killed = await stack.killAfter(kill, () => client?.kill())
      assertClient(await client.ended)
      const answered = readJournal(journal).length
      say(
        `kill ${index + 1}: ${kill.during} for ${kill.afterMs} ms; ${killed.length} processes gone, ${answered} of ${day.length} answered`,
      )
      client = startClient(index + 1)
      if (kills[index + 1]?.during !== "starting") details = await stack.start()
    }
    assertClient(await client.ended)
    say("every request has its answer")

    const api = createApiClient(details.api_url, details.api_key, 60_000)
    type Health = { performance_metrics: { pending_transactions: number; pending_batches: number } }
    await waitWhileMoving("settlement", standstillMs, async () => {
      const { performance_metrics: waiting } = await api.read<Health>("/system/health")
      const figure = waiting.pending_transactions + waiting.pending_batches
      return { isDone: figure === 0, figure }
    })
    say("everything is confirmed")

    const operations = day.map((operation) => ofRun(run, operation))
    const { rules } = await readRules(api, operations)
    const entries = new Map(readJournal(journal).map((entry) => [entry.operation_id, entry]))
    const surprises = unexpectedOutcomes(expectOutcomes(operations, rules).outcomes, entries)
    for (const surprise of surprises) console.log(`        ${surprise}`)
    const checked = await runProgram(
      "check.ts",
      [
        ...["--url", details.api_url, "--rpc-url", details.rpc_url],
        ...["--token", details.token_address, "--journal", journal],
      ],
      env,
    ).ended
    console.log(`\n${checked.said}\n`)
    isGood = checked.code === 0 && surprises.length === 0
  } finally {
    await stack.close()
    if (isGood && !options.isKept) rmSync(directory, { recursive: true, force: true })
    else console.log(`kept for a look: ${directory}`)
  }
  say(
    isGood
      ? `PASSED: ${options.kills} kills, nothing lost, nothing twice`
      : `FAILED: run again with --seed ${options.seed}`,
  )
  return isGood
}
