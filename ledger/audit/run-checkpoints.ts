import type { Kysely } from "kysely"
import { ChainBridgeError, describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import { type Loop, startLoop } from "../../platform/loop.ts"
import type { AuditKey } from "../domain/audit-key.ts"
import type { Checkpoint } from "../domain/checkpoint-note.ts"
import { clearAlarm, raiseAlarm } from "../store/alarms.ts"
import type { Database } from "../store/database.ts"
import { findDueLedgers, readCheckpointPolicy } from "./find-due-ledgers.ts"
import { makeCheckpoint } from "./make-checkpoint.ts"

const pollMsMax = 5_000

/** For the role's heartbeat. */
export type CheckpointStatus = {
  /** `no_key`: nothing is signed here; `failing`: of some ledger the last attempt was in vain. */
  readonly state: "no_key" | "working" | "failing"
  readonly key_id: string | null
  readonly last: {
    readonly ledger_id: string
    readonly tree_size: string
    readonly took_ms: number
    readonly ended_at: string
  } | null
}

/** Makes the checkpoints of every ledger for as long as the process lives. Any number of processes may run it; without a key it does nothing. */
export function runCheckpoints(options: {
  readonly db: Kysely<Database>
  readonly logger: Logger
  readonly key: AuditKey | null
}): Pick<Loop, "stop"> & { status(): CheckpointStatus } {
  const { db, logger, key } = options
  if (key === null) {
    logger.warn("AUDIT_SIGNING_KEY is not set: no checkpoints are made")
    return { status: () => ({ state: "no_key", key_id: null, last: null }), stop: () => Promise.resolve() }
  }
  const signer = key
  const failing = new Set<string>()
  const seen = new Map<string, Checkpoint>()
  let last: CheckpointStatus["last"] = null

  async function turn(): Promise<number> {
    const policy = await readCheckpointPolicy(db)
    for (const ledgerId of await findDueLedgers(db, policy)) await make(ledgerId)
    return Math.min(Math.max(Number(policy.intervalMs) / 4, 100), pollMsMax)
  }

  /** One ledger's trouble keeps no other waiting. */
  async function make(ledgerId: string): Promise<void> {
    const startedMs = performance.now()
    try {
      const made = await makeCheckpoint(db, ledgerId, signer, new Date(), seen)
      failing.delete(ledgerId)
      await clearAlarm(db, "checkpoint_failing", ledgerId)
      if (made === null) return
      const tookMs = Math.round(performance.now() - startedMs)
      const treeSize = made.treeSize.toString()
      last = {
        ledger_id: ledgerId,
        tree_size: treeSize,
        took_ms: tookMs,
        ended_at: made.createdAt.toISOString(),
      }
      logger.info({ ledgerId, treeSize, root: made.root.toString("hex"), tookMs }, "a checkpoint was signed")
    } catch (error) {
      // Anything else is the database's trouble and shows with the next question.
      if (!(error instanceof ChainBridgeError)) throw error
      failing.add(ledgerId)
      logger.error({ ledgerId, fault: describeError(error) }, "a checkpoint could not be made")
      await raiseAlarm(db, {
        kind: "checkpoint_failing",
        subject: ledgerId,
        ledgerId,
        message: error.message,
      })
    }
  }

  const loop = startLoop({ name: "checkpoints", logger, gapMs: 0, turn })
  return {
    stop: () => loop.stop(),
    status: () => ({ state: failing.size > 0 ? "failing" : "working", key_id: signer.keyId, last }),
  }
}
