import { setTimeout as sleep } from "node:timers/promises"
import { type Kysely, sql } from "kysely"
import { allProjections } from "../../ledger/projections/async/all-projections.ts"
import { beginRebuild } from "../../ledger/projections/async/begin-build.ts"
import { type BuildKey, labelOf } from "../../ledger/projections/async/build.ts"
import type { Projection } from "../../ledger/projections/async/projection.ts"
import { type BuildProgress, readProgress } from "../../ledger/projections/async/read-progress.ts"
import { resumeFailed } from "../../ledger/projections/async/resume-failed.ts"
import type { Database } from "../../ledger/store/database.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { createProgressBar } from "../progress-bar.ts"
import { withDatabase } from "./open-database.ts"

type Options = { readonly dataDir: string }

/** Rates are measured over this long. */
const sampleMs = 1_000
const followMs = 500

/** `chainbridge projections status`: a line for each build, and one for each ledger in which it has stopped. */
export async function statusCommand(options: Options): Promise<void> {
  await withDatabase(options.dataDir, async (db) => {
    let before = await readProgress(db)
    let now = before
    if (before.some((build) => doneOf(build) < totalOf(build))) {
      await sleep(sampleMs)
      now = await readProgress(db)
    } else before = []
    if (now.length === 0) print("none is built yet: a worker begins them")
    for (const build of now) {
      print(describeBuild(build, before.find(isSame(build))))
      for (const { ledgerId, failure } of build.ledgers) {
        if (failure === null) continue
        print(`  stopped before event ${failure.position} of ledger ${ledgerId}: ${failure.reason}`)
      }
    }
    await warnWithoutWorker(db)
  })
}

/** `chainbridge projections rebuild NAME`; with `--wait` until it serves, or cannot. */
export async function rebuildCommand(
  name: string,
  options: Options & { readonly wait: boolean },
): Promise<void> {
  const projection = findProjection(name)
  await withDatabase(options.dataDir, async (db) => {
    const key = await beginRebuild(db, projection)
    const building =
      key ?? (await readProgress(db)).find((build) => build.name === name && build.state === "building")
    if (building === undefined) throw new ChainBridgeError("REBUILD_FAILED", `${name} was built meanwhile`)
    print(`${labelOf(building)}: ${key === null ? "is being built already" : "begun"}`)
    await warnWithoutWorker(db)
    if (options.wait) await followBuild(db, building)
  })
}

/** `chainbridge projections resume NAME` */
export async function resumeCommand(name: string, options: Options): Promise<void> {
  findProjection(name)
  await withDatabase(options.dataDir, async (db) => {
    const ledgers = await resumeFailed(db, name)
    print(ledgers === 0 ? `${name} has not stopped` : `${name} is tried again in ${ledgers} of the ledgers`)
  })
}

async function followBuild(db: Kysely<Database>, key: BuildKey): Promise<void> {
  let total = 0
  const bar = createProgressBar(labelOf(key), () => total)
  try {
    let done: number | undefined
    for (;;) {
      const build = (await readProgress(db)).find(isSame(key))
      if (build === undefined)
        throw new ChainBridgeError("REBUILD_FAILED", `${labelOf(key)} was given up for another build`)
      const failure = build.ledgers.find((ledger) => ledger.failure !== null)?.failure
      if (failure) {
        throw new ChainBridgeError(
          "REBUILD_FAILED",
          `${labelOf(key)} stopped before event ${failure.position}: ${failure.reason}`,
        )
      }
      total = totalOf(build)
      const rate = done === undefined ? 0 : ((doneOf(build) - done) * 1_000) / followMs
      done = doneOf(build)
      bar.update(done, `${count(done)} of ${count(total)} events, ${count(rate)}/s`)
      if (build.state === "serving") return
      await sleep(followMs)
    }
  } finally {
    bar.end()
  }
}

function findProjection(name: string): Projection {
  const projection = allProjections.find((candidate) => candidate.name === name)
  if (projection !== undefined) return projection
  const known = allProjections.map((candidate) => candidate.name).join(", ")
  throw new ChainBridgeError(
    "UNKNOWN_PROJECTION",
    `there is no projection ${JSON.stringify(name)}; there are: ${known}`,
  )
}

function describeBuild(build: BuildProgress, before: BuildProgress | undefined): string {
  const done = doneOf(build)
  const lag = totalOf(build) - done
  const rate = before === undefined ? 0 : ((done - doneOf(before)) * 1_000) / sampleMs
  // The log may grow meanwhile: what counts is how fast the rest shrinks.
  const closing = before === undefined ? 0 : ((totalOf(before) - doneOf(before) - lag) * 1_000) / sampleMs
  const parts = [
    labelOf(build).padEnd(32),
    build.ledgers.some(({ failure }) => failure !== null) ? "stopped" : build.state,
    `${count(done)} of ${count(totalOf(build))} events`,
    lag === 0
      ? "up to date"
      : `${count(lag)} behind (${(lagOf(build) / 1_000).toFixed(1)} s), ${count(rate)}/s`,
  ]
  if (closing > 0) parts.push(`${Math.ceil(lag / closing)} s left`)
  return parts.join("  ")
}

function isSame({ name, version, build }: BuildKey): (other: BuildKey) => boolean {
  return (other) => other.name === name && other.version === version && other.build === build
}

function doneOf({ ledgers }: BuildProgress): number {
  return Number(ledgers.reduce((sum, { position }) => sum + position, 0n))
}

function totalOf({ ledgers }: BuildProgress): number {
  return Number(ledgers.reduce((sum, { head }) => sum + head, 0n))
}

function lagOf({ ledgers }: BuildProgress): number {
  return Math.max(0, ...ledgers.map(({ lagMs }) => lagMs))
}

async function warnWithoutWorker(db: Kysely<Database>): Promise<void> {
  const { rows } = await sql`
    SELECT FROM registry.processes WHERE role = 'worker' AND heartbeat_at > now() - interval '10 seconds' LIMIT 1`.execute(
    db,
  )
  if (rows.length === 0) process.stderr.write("no worker is running: nothing moves until one is started\n")
}

function count(number: number): string {
  return Math.round(number).toLocaleString("en-US")
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
