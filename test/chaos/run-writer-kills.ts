import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { Database } from "../../ledger/store/database.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { createSeededRandom } from "../demo/seeded-random.ts"
import { type ApiProcess, startApiProcess } from "../support/api-process.ts"
import { checkLoad, type LoadChecked } from "../support/check-load.ts"
import { createDatabase } from "../support/create-database.ts"
import { drawOperation } from "../support/load-operation.ts"
import { seedRegistry } from "../support/seed-registry.ts"
import { startWriteLoad } from "../support/write-load.ts"

export type WriterKills = LoadChecked & {
  readonly kills: number
  /** Kills that cut requests off. */
  readonly killsThatCut: number
  /** Requests that a kill cut off. */
  readonly cutOff: number
}

const processes = 2
const connections = 24
const lifeMsMax = 500
/** Kills that leave nobody to ask. The others leave a second process, which is asked about what the first had in its hands. */
const bothShare = 0.3

/** Kills API processes that write to one ledger, with -9, while a backend goes on and on; then compares what was answered with what is there. */
export async function runWriterKills(options: {
  readonly adminUrl: string
  readonly kills: number
  readonly seed: number
  /** No more kills after this time, where half of them have been done. */
  readonly patienceMs?: number
  readonly onKill?: (kills: number) => void
}): Promise<WriterKills> {
  const random = createSeededRandom(options.seed)
  const cache = mkdtempSync(join(tmpdir(), "chainbridge-compiled-"))
  const database = await createDatabase(options.adminUrl)
  const pool = createPool({ databaseUrl: database.appUrl, applicationName: "test-check", connectionsMax: 2 })
  const db = createKysely<Database>(pool)
  const alive: (ApiProcess | undefined)[] = []
  try {
    const { app, apiKey } = await seedRegistry(db)
    const start = () => startApiProcess(database.appUrl, { NODE_COMPILE_CACHE: cache })
    // The first one ends cleanly: then it leaves what it compiled to those after it.
    const first = await start()
    first.kill("SIGTERM")
    await first.ended
    for (let index = 0; index < processes; index += 1) alive[index] = await start()
    let drawn = 0
    const load = startWriteLoad({
      urls: () => alive.flatMap((process) => (process === undefined ? [] : [process.url])),
      apiKey,
      connections,
      next() {
        drawn += 1
        return drawOperation(random, `op-${drawn}`)
      },
    })
    let killsThatCut = 0
    let kills = 0
    const patienceEndsMs = performance.now() + (options.patienceMs ?? Number.POSITIVE_INFINITY)
    const hasMet = (isReplay: boolean) =>
      [...load.outcomes.values()].some(
        (one) => one.dataHash !== null && one.openAttempts > 0 && one.isReplay === isReplay,
      )
    const isDue = () =>
      kills < options.kills / 2 ||
      (kills < options.kills && performance.now() < patienceEndsMs) ||
      // Whether a kill meets a commit that is done and not answered yet is chance.
      (kills < 3 * options.kills && !(hasMet(true) && hasMet(false)))
    while (isDue()) {
      kills += 1
      await sleep(random.between(5, lifeMsMax))
      const cutBefore = load.cutOff()
      const both = random.chance(bothShare)
      const victim = random.between(0, processes - 1)
      await Promise.all(
        alive.map(async (process, index) => {
          if (process === undefined || !(both || index === victim)) return
          alive[index] = undefined
          process.kill("SIGKILL")
          await process.ended
          alive[index] = await start()
        }),
      )
      if (load.cutOff() > cutBefore) killsThatCut += 1
      options.onKill?.(kills)
    }
    await load.finish()
    const url = alive[0]?.url ?? ""
    const checked = await checkLoad({ db, ledgerId: app.ledgerId, outcomes: load.outcomes, url, apiKey })
    return { ...checked, kills, killsThatCut, cutOff: load.cutOff() }
  } finally {
    for (const process of alive) {
      process?.kill("SIGKILL")
      await process?.ended
    }
    await db.destroy()
    await database.drop()
    rmSync(cache, { recursive: true, force: true })
  }
}

/** One line for a log. */
export function summarize(result: WriterKills, seed: number): string {
  const { kills, killsThatCut, cutOff, recorded, refused, foundRecorded, recordedLater, events } = result
  return (
    `${kills} kills (seed ${seed}), ${killsThatCut} of them in the middle of requests: ${cutOff} requests cut off, of which ${foundRecorded} were found recorded and ${recordedLater} ` +
    `were recorded later; ${recorded} operations recorded, ${refused} refused, ${events} events`
  )
}
