import { randomUUID } from "node:crypto"
import { importReceivedChannel } from "../../ledger/store/channels.ts"
import { describeError } from "../../platform/errors.ts"
import { listen } from "../../platform/listen.ts"
import { startLoop } from "../../platform/loop.ts"
import { isTransientPostgresError } from "../../platform/postgres.ts"
import { applyImport, type ImportContext } from "./apply-import.ts"
import {
  type ClaimedImport,
  claimImport,
  failImport,
  type Lease,
  releaseImport,
  removeBrokenUploads,
} from "./import-store.ts"

/** Ledgers whose imports this process works on at a time. */
const concurrentMax = 4
const pollMs = 2_000
/** An upload that has sent nothing for so long has broken off, together with the process that received it. */
const brokenUploadMs = 3_600_000

type ImportSettings = Pick<ImportContext, "leaseMs" | "groupLines" | "retryForMs">
export type ImportRunOptions = Omit<ImportContext, keyof ImportSettings> & Partial<ImportSettings>

export type RunningImports = {
  /** For the role's heartbeat. */
  status(): { readonly running: readonly string[] }
  /** Ends after the groups under way; somebody else goes on at once. */
  stop(): Promise<void>
}

export const defaultImportSettings: ImportSettings = {
  leaseMs: 10_000,
  groupLines: 1_000,
  retryForMs: 15_000,
}

/** Works on whatever was received and is not finished, for as long as the process lives. Any number of processes may; each import has one at a time. */
export function runImports(options: ImportRunOptions & { readonly databaseUrl: string }): RunningImports {
  const { db, logger, databaseUrl } = options
  const context: ImportContext = { ...defaultImportSettings, ...options }
  const running = new Map<string, Promise<void>>()
  let isStopping = false

  async function turn(): Promise<number> {
    await removeBrokenUploads(db, brokenUploadMs)
    while (!isStopping && running.size < concurrentMax) {
      const owner = randomUUID()
      const row = await claimImport(db, owner, context.leaseMs, null)
      if (row === undefined) break
      const work = workOn(context, row, { owner, epoch: row.lease_epoch }, () => isStopping)
        .catch((error: unknown) =>
          logger.error({ reason: describeError(error) }, "an import could not be given back"),
        )
        .then(() => {
          running.delete(row.import_id)
          loop.wake()
        })
      running.set(row.import_id, work)
    }
    return pollMs
  }

  const loop = startLoop({ name: "imports", logger, gapMs: 50, turn })
  const listener = listen({
    databaseUrl,
    applicationName: "chainbridge-imports-listen",
    channels: [importReceivedChannel],
    logger,
    onNotification: () => loop.wake(),
  })
  return {
    status: () => ({ running: [...running.keys()] }),
    async stop() {
      isStopping = true
      await Promise.all([listener.stop(), loop.stop(), ...running.values()])
    },
  }
}

/** Has an import that was claimed finished, given back, or failed with the reason said. */
export async function workOn(
  context: ImportContext,
  row: ClaimedImport,
  lease: Lease,
  shouldStop: () => boolean,
): Promise<void> {
  const { db, logger } = context
  const about = { ledger_id: row.ledger_id, import_id: row.import_id }
  try {
    logger.info({ ...about, next_line: String(row.next_line) }, "working on an import")
    if (await applyImport(context, row, lease, shouldStop)) logger.info(about, "an import is finished")
    else await releaseImport(db, row, lease)
  } catch (error) {
    const reason = describeError(error)
    if (error instanceof Error && isTransientPostgresError(error)) {
      logger.warn({ ...about, reason }, "an import waits for the database")
      await releaseImport(db, row, lease)
      return
    }
    // What belongs to somebody else by now, and may be finished and gone, is not ours to fail.
    if (!(await failImport(db, row, lease, reason))) {
      logger.info({ ...about, reason }, "an import was taken over by another process")
      return
    }
    logger.error({ ...about, reason }, "an import failed")
  }
}
