import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import type { FeeReading } from "../domain/congestion.ts"

// Sealing waits no longer than this for a figure that it can do without.
const patienceMs = 250
const intervalMsMin = 2_000
const intervalMsMax = 15_000
// An endpoint that stops answering leaves the last figures true for a while.
const intervalsKept = 3

/** One chain's fees, for all lanes of the chain: measured when somebody asks and a block has passed since, at most every two seconds. */
export type FeeGauge = {
  /** Never rejects, never waits for a chain that does not answer. @returns null where nothing recent is known */
  read(blockTimeMs: number): Promise<FeeReading | null>
}

export function createFeeGauge(options: {
  readonly measure: () => Promise<FeeReading>
  readonly logger: Logger
  readonly nowMs?: () => number
}): FeeGauge {
  const nowMs = options.nowMs ?? (() => performance.now())
  let last: { readonly reading: FeeReading; readonly atMs: number } | undefined
  let askedAtMs = Number.NEGATIVE_INFINITY
  let underway: Promise<void> | undefined

  async function measure(): Promise<void> {
    try {
      const reading = await options.measure()
      last = { reading, atMs: nowMs() }
    } catch (error) {
      options.logger.warn({ fault: describeError(error) }, "the chain's fees could not be measured")
    } finally {
      underway = undefined
    }
  }

  return {
    async read(blockTimeMs) {
      const intervalMs = Math.min(Math.max(blockTimeMs, intervalMsMin), intervalMsMax)
      if (underway === undefined && nowMs() - askedAtMs >= intervalMs) {
        askedAtMs = nowMs()
        underway = measure()
        await withPatience(underway)
      }
      if (last === undefined || nowMs() - last.atMs > intervalMs * intervalsKept) return null
      return last.reading
    },
  }
}

/** Only who asks the chain waits for it, and only a while: whoever comes meanwhile takes what is known. */
async function withPatience(work: Promise<void>): Promise<void> {
  const patience = Promise.withResolvers<void>()
  const timer = setTimeout(patience.resolve, patienceMs)
  await Promise.race([work, patience.promise])
  clearTimeout(timer)
}
