import { describeError } from "../platform/errors.ts"
import type { Logger } from "../platform/logger.ts"
import { within } from "./chain/within.ts"

/** What a read waits at most for figures that have aged; after that they are not known. */
const waitMsMax = 200

/** How many ages long a measurement may be shown, while newer ones are on their way or fail. */
const agesShownMax = 3

/** And at least this long, so that whoever has waited for it gets it. */
const shownMsMin = 250

export type BackgroundMeasurement = {
  /** Measures, unless that was begun a moment ago. */
  refresh(): Promise<void>
  /** The same without waiting. A failure is logged. */
  ask(): void
  /** The same, waiting for a short while. A failure is logged. */
  wait(): Promise<void>
  /** @param measuredAt by `performance.now()`, when the measurement ended */
  isCurrent(measuredAt: number): boolean
}

/** Measured when somebody asks and the last measurement has aged, so that an idle process asks nothing. */
export function createBackgroundMeasurement(options: {
  readonly measure: () => Promise<void>
  /** Named in the log when it fails. */
  readonly subject: string
  readonly logger: Logger
  readonly maxAgeMs: number
}): BackgroundMeasurement {
  const { measure, subject, logger, maxAgeMs } = options
  const shownMsMax = Math.max(agesShownMax * maxAgeMs, shownMsMin)
  let begunAt = Number.NEGATIVE_INFINITY
  let measuring: Promise<void> | undefined

  function refresh(): Promise<void> {
    if (measuring === undefined && performance.now() - begunAt > maxAgeMs) {
      begunAt = performance.now()
      measuring = measure().finally(() => {
        measuring = undefined
      })
    }
    return measuring ?? Promise.resolve()
  }

  function warn(error: unknown): void {
    logger.warn({ reason: describeError(error) }, `${subject} could not be measured`)
  }

  return {
    refresh,
    ask() {
      refresh().catch(warn)
    },
    wait: () => within(refresh(), waitMsMax).catch(warn),
    isCurrent: (measuredAt) => performance.now() - measuredAt <= shownMsMax,
  }
}
