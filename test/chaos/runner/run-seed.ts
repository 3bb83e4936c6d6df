import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createApiClient } from "../../demo/api-client.ts"
import { openJournal } from "../../demo/journal.ts"
import { runReconciliation } from "../../demo/run-reconciliation.ts"
import { runCli } from "../../support/run-cli.ts"
import type { Checked } from "../check.ts"
import { provokeTrack } from "../faults/provoke.ts"
import { addTally, type Tally } from "../faults/tally.ts"
import { drawPlan } from "../plan/draw-plan.ts"
import type { FaultKind } from "../plan/fault-kinds.ts"
import { runProgram } from "../run-program.ts"
import type { ChaosLedger, ChaosStack } from "../stack/open-stack.ts"
import type { Outsiders } from "../workload/outsiders.ts"
import { startWorkload } from "../workload/start-workload.ts"
import { drain } from "./drain.ts"
import { heal } from "./heal.ts"

/** What became of a run. */
export type SeedResult = {
  readonly seed: number
  readonly seconds: number
  readonly figures: Omit<Checked, "findings"> | null
  readonly faults: Tally
  /** What is wrong; empty: the run is good. */
  readonly findings: readonly string[]
}

const confirmedMin = 1_000

/** One seed on a stack that runs already: a ledger of its own, the workload and the faults at once, then healing, draining and the checks. */
export async function runSeed(options: {
  readonly seed: number
  readonly stack: ChaosStack
  readonly outsiders: Outsiders
  /** Of this run: its journal and notes. */
  readonly directory: string
  readonly note: (text: string) => void
}): Promise<SeedResult> {
  const { seed, stack, outsiders, directory, note } = options
  const began = Date.now()
  mkdirSync(directory, { recursive: true })
  const plan = drawPlan(seed)
  writeFileSync(join(directory, "plan.json"), JSON.stringify(plan, null, 2))
  const faults = new Map<FaultKind, number>()
  const findings: string[] = []
  let checked: Checked | null = null
  try {
    const ledger = await stack.openLedger(`seed-${seed}-${began}`)
    const journalFile = join(directory, "journal.ndjson")
    const journal = openJournal(journalFile)
    const workload = startWorkload({ stack, ledger, plan, outsiders, journal, note })
    try {
      const provoked = Promise.all(
        Object.values(plan.faults).map((track) => provokeTrack({ stack, note }, track)),
      )
      // Both are over before anything is concluded: faults that go on would meet the next run.
      const [seen, worked] = await Promise.allSettled([
        Promise.race([provoked, workload.failed]),
        provoked.then(() => workload.finish()),
      ])
      if (seen.status === "rejected") throw seen.reason
      if (worked.status === "rejected") throw worked.reason
      addTally(faults, seen.value.flat())
      note(`${worked.value.holds} holds, ${worked.value.outside} moves made outside`)
    } finally {
      journal.close()
    }
    await heal(stack, outsiders)
    await workload.payBack()
    note("healed")
    await drain(stack, ledger)
    note("drained")
    checked = await check(stack, ledger, journalFile, note)
    findings.push(...checked.findings, ...(await verify(stack, ledger)), ...(await reconcile(stack, ledger)))
    if (checked.confirmed < confirmedMin)
      findings.push(`${checked.confirmed} changes were confirmed, at least ${confirmedMin} have to be`)
  } catch (error) {
    findings.push(error instanceof Error ? error.message : String(error))
    // The next run needs a stack that is whole, too.
    await heal(stack, outsiders).catch((cause: unknown) => findings.push(`not healed: ${String(cause)}`))
  }
  const { findings: _, ...figures } = checked ?? { findings: [] }
  return {
    seed,
    seconds: Math.round((Date.now() - began) / 1_000),
    figures: checked === null ? null : (figures as Omit<Checked, "findings">),
    faults,
    findings,
  }
}

async function check(
  stack: ChaosStack,
  ledger: ChaosLedger,
  journal: string,
  note: (text: string) => void,
): Promise<Checked> {
  const { said } = await runProgram(
    "check.ts",
    [
      ...["--url", stack.apiUrls[0] ?? "", "--rpc-url", stack.rpcUrl, "--token", stack.token],
      ...["--journal", journal, "--json"],
    ],
    { CHAINBRIDGE_API_KEY: ledger.apiKey },
  ).ended
  note(said)
  const last = said.split("\n").at(-1) ?? ""
  if (!last.startsWith("{")) throw new Error(`the checker has no verdict: ${said.slice(-500)}`)
  return JSON.parse(last) as Checked
}

async function verify(stack: ChaosStack, ledger: ChaosLedger): Promise<string[]> {
  const { code, stdout, stderr } = await runCli(["verify", "--ledger", ledger.ledgerId], {
    DATABASE_URL: stack.databaseUrl,
  }).ended
  return code === 0 ? [] : [`verify ended with ${code}: ${stdout}${stderr}`]
}

async function reconcile(stack: ChaosStack, ledger: ChaosLedger): Promise<string[]> {
  const api = createApiClient(stack.apiUrls, ledger.apiKey, 30_000)
  const run = await runReconciliation(api, "CPOP", 60_000)
  if (run.state !== "finished") return [`the reconciliation is ${run.state}: ${run.error}`]
  return run.drift_count === 0 ? [] : [`reconciliation: ${JSON.stringify(run.drifts_by_cause)}`]
}
