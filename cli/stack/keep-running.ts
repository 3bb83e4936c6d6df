import { setTimeout as sleep } from "node:timers/promises"
import { ChainBridgeError, describeError } from "../../platform/errors.ts"
import type { Guard } from "./start-guard.ts"

const RESTARTS_MAX = 10
const HEALTHY_AFTER_MS = 60_000
const PAUSE_MS = 500

export type KeptProgram = {
  readonly guard: Guard
  /** As the guard knows it. */
  readonly name: string
  /** For people. */
  readonly label: string
  /** Starts it where it was, so that everybody who uses it only has to connect again. */
  readonly start: () => Promise<unknown>
  readonly errorCode: "POSTGRES_FAILED" | "LOCAL_CHAIN_FAILED"
  readonly isStopping: () => boolean
  readonly onNote: (message: string) => void
  readonly onGivenUp: (error: ChainBridgeError) => void
}

/** Starts a program of the guard's again whenever it ends unasked, at most ten times without a healthy minute. It has been started once by now. */
export function keepRunning(options: KeptProgram): void {
  const { label, onNote } = options
  let restarts = 0
  let startedAt = Date.now()
  let isBeingStarted = false

  async function startAgain(ended: string): Promise<void> {
    for (let how = ended; !options.isStopping(); await sleep(PAUSE_MS)) {
      restarts = Date.now() - startedAt > HEALTHY_AFTER_MS ? 1 : restarts + 1
      if (restarts > RESTARTS_MAX) {
        const message = `${label} ended ${restarts} times, last with ${how}`
        options.onGivenUp(new ChainBridgeError(options.errorCode, message))
        return
      }
      onNote(`${label} ended (${how}), starting it again`)
      startedAt = Date.now()
      try {
        await options.start()
        onNote(`${label} is back`)
        return
      } catch (error) {
        how = describeError(error)
      }
    }
  }

  options.guard.onExit((name, how) => {
    // An attempt that fails says so itself.
    if (name !== options.name || isBeingStarted || options.isStopping()) return
    isBeingStarted = true
    void startAgain(how).finally(() => {
      isBeingStarted = false
    })
  })
}
