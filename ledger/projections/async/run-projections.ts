import { type Kysely, sql } from "kysely"
import { describeError } from "../../../platform/errors.ts"
import type { Logger } from "../../../platform/logger.ts"
import { type Loop, startLoop } from "../../../platform/loop.ts"
import { clearAlarm, raiseAlarm } from "../../store/alarms.ts"
import type { Database } from "../../store/database.ts"
import { isTransient } from "../../store/is-transient.ts"
import { ensureBuild } from "./begin-build.ts"
import { alarmSubjectOf, type Build, labelOf, readBuilds } from "./build.ts"
import { createFiller } from "./catch-up.ts"
import { dropRetired } from "./drop-retired.ts"
import type { Projection } from "./projection.ts"
import { hasFailed, indexBuild, serveBuild } from "./serve-build.ts"

/** A burst of commits becomes one page. */
const gapMs = 100
/** How long a turn goes on before the process is asked whether it is to stop. */
const turnMs = 1_000
/** How often it looks by itself, should a notification be lost. */
const lookMs = 2_000

/**
 * Keeps projections up to date and builds new ones beside them, for as long as the process lives. Any number of processes may run it: who holds the row of a checkpoint fills
 * that build in that ledger, and it comes free when he dies.
 */
export function runProjections(options: {
  readonly db: Kysely<Database>
  readonly logger: Logger
  readonly projections: readonly Projection[]
}): Loop {
  const loops = options.projections.flatMap((projection) => [
    keepServing(options, projection),
    keepBuilding(options, projection),
  ])
  return {
    wake() {
      for (const loop of loops) loop.wake()
    },
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()))
    },
  }
}

type Options = { readonly db: Kysely<Database>; readonly logger: Logger }

/** A loop of its own: who reads the serving tables does not wait for a build. */
function keepServing({ db, logger }: Options, projection: Projection): Loop {
  const filler = createFiller(db, logger)
  let isStopping = false
  const loop = startLoop({
    name: `projection ${projection.name}`,
    logger,
    gapMs,
    async turn() {
      const serving = await findBuild(db, projection, "serving")
      if (serving === undefined) return lookMs
      const until = performance.now() + turnMs
      return (await filler.fill(serving, () => !isStopping && performance.now() < until)) ? 0 : lookMs
    },
  })
  return {
    wake: loop.wake,
    stop() {
      isStopping = true
      return loop.stop()
    },
  }
}

function keepBuilding({ db, logger }: Options, projection: Projection): Loop {
  const filler = createFiller(db, logger)
  let isStopping = false
  let indexing: number | undefined

  async function turn(): Promise<number> {
    if (await ensureBuild(db, projection))
      logger.info({ projection: projection.name, version: projection.version }, "a projection is built")
    await dropRetired(db, projection.name).catch((error: unknown) =>
      logger.warn({ fault: describeError(error) }, "tables of a retired projection stay for now"),
    )
    const building = await findBuild(db, projection, "building")
    if (building === undefined) return lookMs
    const until = performance.now() + turnMs
    if (await filler.fill(building, () => !isStopping && performance.now() < until)) return 0
    if (isStopping) return 0
    if (await hasFailed(db, building)) {
      // What its event's alarm says already, the swap may have met first.
      await clearAlarm(db, "projection_failed", alarmSubjectOf(building, "swap"))
      return lookMs
    }
    try {
      if (!(await takeOver(building))) return lookMs
    } catch (error) {
      // No event is to blame, and nobody would hear of it otherwise.
      if (!isTransient(error)) {
        const message = `projection ${labelOf(building)} is filled and cannot take over: ${describeError(error)}`
        await raiseAlarm(db, {
          kind: "projection_failed",
          subject: alarmSubjectOf(building, "swap"),
          ledgerId: null,
          message,
        })
      }
      throw error
    }
    await clearAlarm(db, "projection_failed", alarmSubjectOf(building, "swap"))
    logger.info({ projection: labelOf(building) }, "a projection serves")
    return 0
  }

  async function takeOver(building: Build): Promise<boolean> {
    const isIndexed = await indexBuild(db, building, (pid) => {
      indexing = pid
    }).finally(() => {
      indexing = undefined
    })
    return isIndexed && (await serveBuild(db, building))
  }

  const loop = startLoop({ name: `building of ${projection.name}`, logger, gapMs, turn })
  return {
    wake: loop.wake,
    async stop() {
      isStopping = true
      // An index of a long history takes longer than anybody waits for us. Nothing of it stays.
      if (indexing !== undefined) await sql`SELECT pg_cancel_backend(${indexing}::integer)`.execute(db)
      await loop.stop()
    },
  }
}

/** The build in this state that this program has the code for. */
async function findBuild(
  db: Kysely<Database>,
  projection: Projection,
  state: "serving" | "building",
): Promise<Build | undefined> {
  const rows = await readBuilds(db, projection.name)
  const row = rows.find((build) => build.state === state && build.version === projection.version)
  return row === undefined ? undefined : { ...row, projection }
}
