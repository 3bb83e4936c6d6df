import { execFileSync } from "node:child_process"
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import type { Tally } from "../faults/tally.ts"
import type { FaultKind } from "../plan/fault-kinds.ts"

/** What has passed at the commit that is checked out. */
export type Progress = {
  /** @returns the faults of that run; undefined where it has not passed */
  passed(seed: number): Tally | undefined
  add(seed: number, faults: Tally): void
}

type Line = {
  readonly commit: string
  readonly seed: number
  readonly faults: Partial<Record<FaultKind, number>>
}

export function openProgress(file: string): Progress {
  const commit = readCommit()
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : []
  const passed = new Map<number, Tally>()
  for (const text of lines) {
    if (text === "") continue
    const line = JSON.parse(text) as Line
    if (line.commit === commit) passed.set(line.seed, new Map(Object.entries(line.faults)) as Tally)
  }
  return {
    passed: (seed) => passed.get(seed),
    add(seed, faults) {
      const line = { commit, seed, faults: Object.fromEntries(faults) }
      appendFileSync(file, `${JSON.stringify(line)}\n`)
    },
  }
}

/** Changes that are not committed are part of what is tried. */
function readCommit(): string {
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: import.meta.dirname, encoding: "utf8" }).trim()
  const changes = git("status", "--porcelain", "--untracked-files=no")
  return `${git("rev-parse", "HEAD")}${changes === "" ? "" : " with changes"}`
}
