import fc from "fast-check"
import { createLedgerWriter } from "../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../ledger/writer/token-directory.ts"
import { createLogger } from "../../platform/logger.ts"
import { logSteps, writeRandomLog } from "./random-log.ts"
import { adjustCommand, type TestLedger } from "./test-ledger.ts"

let operations = 0

/** Adjustments by the real writer, and beside them holds, batches, confirmations and what takes them back, until it is stopped. */
export function writeContinuously(ledger: TestLedger): {
  /** Operations of the writer so far. */
  count(): number
  stop(): Promise<void>
} {
  const writer = createLedgerWriter({
    ...ledger,
    tokens: createTokenDirectory(ledger.db, ledger.ledgerId),
    logger: createLogger("test", "silent"),
  })
  let isStopping = false
  let written = 0
  async function adjust(): Promise<void> {
    while (!isStopping) {
      operations += 1
      const size = 1 + (operations % 40)
      const credits = Array.from(
        { length: size },
        (_, index) => [`load-${(operations + index) % 50}`, 3n] as const,
      )
      const result = await writer.execute(adjustCommand(ledger.tokenId, `load-${operations}`, credits))
      if (result.outcome !== "recorded") throw new Error(result.outcome)
      written += 1
    }
  }
  async function settle(): Promise<void> {
    while (!isStopping) {
      // Each round settles under a lease of its own.
      await ledger.db
        .updateTable("settlement.lanes")
        .set({ lease_owner: null, lease_expires_at: null })
        .execute()
      for (const steps of fc.sample(logSteps, 1)) await writeRandomLog(ledger, steps)
    }
  }
  const running = Promise.all([adjust(), adjust(), settle()])
  running.catch(() => undefined)
  return {
    count: () => written,
    async stop() {
      isStopping = true
      await running
      await writer.stop()
    },
  }
}
