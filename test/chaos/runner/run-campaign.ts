import { createWriteStream, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { addTally } from "../faults/tally.ts"
import { drawPlan } from "../plan/draw-plan.ts"
import { type FaultKind, faultKinds } from "../plan/fault-kinds.ts"
import { type ChaosStack, openStack } from "../stack/open-stack.ts"
import { type Outsiders, openOutsiders } from "../workload/outsiders.ts"
import type { Progress } from "./progress-file.ts"
import { runSeed, type SeedResult } from "./run-seed.ts"

export type CampaignOptions = {
  readonly seed: number
  readonly runs: number
  /** What earlier campaigns at the same commit have passed; absent: nothing is remembered. */
  readonly progress: Progress | null
  readonly isKept: boolean
  readonly say: (text: string) => void
}

/** Runs seed after seed on one warm stack. A run that failed leaves nobody's stack behind: the next one gets another. @returns whether all is well */
export async function runCampaign({ seed, runs, progress, isKept, say }: CampaignOptions): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), "chainbridge-chaos-"))
  const log = createWriteStream(join(directory, "campaign.log"))
  const began = Date.now()
  const note = (text: string) => log.write(`${((Date.now() - began) / 1_000).toFixed(1)} s  ${text}\n`)
  const faults = new Map<FaultKind, number>()
  const failed: SeedResult[] = []
  let open: { readonly stack: ChaosStack; readonly outsiders: Outsiders } | undefined
  let skipped = 0
  let confirmed = 0
  const interrupt = () => {
    void open?.stack.close().finally(() => process.exit(130))
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, interrupt)
  const seeds = Array.from({ length: runs }, (_, index) => seed + index)
  try {
    for (const [index, each] of seeds.entries()) {
      const passed = progress?.passed(each)
      if (passed !== undefined) {
        addTally(faults, passed)
        skipped += 1
        continue
      }
      if (open === undefined) {
        const stack = await openStack(join(directory, `stack-${each}`), note)
        open = { stack, outsiders: await openOutsiders(stack) }
      }
      note(`seed ${each}`)
      const result = await runSeed({ seed: each, ...open, directory: join(directory, `seed-${each}`), note })
      addTally(faults, result.faults)
      confirmed += result.figures?.confirmed ?? 0
      say(lineOf(result, index + 1, runs))
      if (result.findings.length === 0) {
        progress?.add(each, result.faults)
        continue
      }
      failed.push(result)
      for (const finding of result.findings.slice(0, 10)) say(`        ${finding}`)
      say(`        logs: ${directory}; again: npm run chaos -- --seed ${each} --runs 1`)
      await open.stack.close()
      open = undefined
    }
  } finally {
    await open?.stack.close()
    log.end()
  }
  const planned = new Set(seeds.flatMap((each) => kindsOf(each)))
  const missing = [...planned].filter((kind) => !faults.has(kind))
  say("")
  for (const kind of faultKinds)
    if (planned.has(kind)) say(`  ${kind.padEnd(28)} ${String(faults.get(kind) ?? 0).padStart(7)}`)
  if (missing.length > 0) say(`never provoked: ${missing.join(", ")}`)
  const isGood = failed.length === 0 && missing.length === 0
  say(
    `${isGood ? "PASSED" : "FAILED"}: ${runs - failed.length} of ${runs} seeds${skipped === 0 ? "" : ` (${skipped} of them before)`}, ${confirmed} changes confirmed, ${planned.size - missing.length} of ${planned.size} kinds of faults, ${Math.round((Date.now() - began) / 1_000)} s`,
  )
  if (isGood && !isKept) rmSync(directory, { recursive: true, force: true })
  return isGood
}

function kindsOf(seed: number): FaultKind[] {
  return Object.values(drawPlan(seed).faults)
    .flat()
    .map(({ kind }) => kind)
}

function lineOf(
  { seed, seconds, figures, faults, findings }: SeedResult,
  number: number,
  of: number,
): string {
  const counts = [...faults].map(([kind, count]) => (count === 1 ? kind : `${kind} ×${count}`)).join(", ")
  const told =
    figures === null
      ? "no figures"
      : `${figures.accepted} changes, ${figures.confirmed} confirmed, ${figures.deadLettered} given up, ${figures.batches} batches`
  return `${findings.length === 0 ? "ok    " : "FAILED"}  ${`${number}/${of}`.padStart(7)}  seed ${seed}  ${seconds} s  ${told}; ${counts}`
}
