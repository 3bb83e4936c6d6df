import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { openJournal } from "../../demo/journal.ts"
import type { Checked } from "../check.ts"
import { provokeTrack } from "../faults/provoke.ts"
import { addTally, type Tally } from "../faults/tally.ts"
import { drawPlan } from "../plan/draw-plan.ts"
import type { FaultKind } from "../plan/fault-kinds.ts"
import type { ChaosStack } from "../stack/open-stack.ts"
import type { Outsiders } from "../workload/outsiders.ts"
import { startWorkload } from "../workload/start-workload.ts"
import { checkLedger } from "./check-ledger.ts"
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
  let figures: Omit<Checked, "findings"> | null = null
  try {
    const ledger = await stack.openLedger(`seed-${seed}-${began}`)
    const journalFile = join(directory, "journal.ndjson")
    const journal = openJournal(journalFile)
    const workload = startWorkload({ stack, ledger, plan, outsiders, journal, note })
    const provoked = Promise.all(
      Object.values(plan.faults).map((track) => provokeTrack({ stack, note }, track)),
    )
    const [seen, worked] = await Promise.allSettled([provoked, provoked.then(() => workload.finish())])
    journal.close()
    if (seen.status === "rejected") throw seen.reason
    addTally(faults, seen.value.flat())
    if (worked.status === "rejected") throw worked.reason
    note(`${worked.value.holds} holds, ${worked.value.outside} moves made outside`)
    await heal(stack, outsiders)
    await workload.payBack()
    note("healed")
    await drain(stack, ledger)
    note("drained")
    const { findings: found, ...counted } = await checkLedger(stack, ledger, journalFile, note)
    figures = counted
    findings.push(...found)
    if (figures.confirmed < confirmedMin)
      findings.push(`${figures.confirmed} changes were confirmed, at least ${confirmedMin} have to be`)
  } catch (error) {
    findings.push(error instanceof Error ? error.message : String(error))
  }
  return { seed, seconds: Math.round((Date.now() - began) / 1_000), figures, faults, findings }
}
