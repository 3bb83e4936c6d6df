import { describeError } from "./errors.ts"
import type { Logger } from "./logger.ts"

export type Running = {
  /** Stops taking work, finishes what has begun, gives leases back. */
  stop(): Promise<void>
  /** What others have to know to reach it. */
  readonly details?: Readonly<Record<string, string | number>>
}

const SHUTDOWN_TIMEOUT_MS = 5_000

/**
 * Runs a role until SIGTERM, SIGINT, or until the process that started it is gone (its IPC channel closes). Tells that
 * process when the role is ready. The process ends with 0 after a clean stop and with 1 after a fault.
 */
export async function runRole(start: () => Promise<Running>, logger: Logger): Promise<void> {
  let isStopping = false
  let running: Running | undefined
  async function stop(why: string): Promise<void> {
    if (isStopping) process.exit(1)
    isStopping = true
    logger.info({ why }, "stopping")
    setTimeout(() => {
      logger.error("not stopped in time")
      process.exit(1)
    }, SHUTDOWN_TIMEOUT_MS).unref()
    try {
      await running?.stop()
      process.exit(0)
    } catch (error) {
      logger.error({ error: describeError(error) }, "stopping failed")
      process.exit(1)
    }
  }
  process.on("SIGTERM", () => void stop("SIGTERM"))
  process.on("SIGINT", () => void stop("SIGINT"))
  process.on("disconnect", () => void stop("the process that started this one is gone"))
  running = await start()
  logger.info(running.details ?? {}, "ready")
  process.send?.({ kind: "ready", details: running.details ?? {} })
}
