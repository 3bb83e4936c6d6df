import { createLedgerWriter } from "../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../ledger/writer/token-directory.ts"
import { createLogger } from "../../platform/logger.ts"
import { adjustCommand, type TestLedger } from "./test-ledger.ts"

const operationSize = 500
let operations = 0

/** Records so many credits of 1 for ten users, by the real writer. The log grows by as many events, and by those that open the accounts. */
export async function fillLedger(
  ledger: Pick<TestLedger, "db" | "writerPool" | "ledgerId" | "tokenId">,
  adjustments: number,
): Promise<void> {
  const writer = createLedgerWriter({
    ...ledger,
    tokens: createTokenDirectory(ledger.db, ledger.ledgerId),
    logger: createLogger("test", "silent"),
  })
  try {
    for (let at = 0; at < adjustments; at += operationSize) {
      operations += 1
      const count = Math.min(operationSize, adjustments - at)
      const credits = Array.from({ length: count }, (_, index) => [`user-${index % 10}`, 1n] as const)
      const result = await writer.execute(adjustCommand(ledger.tokenId, `fill-${operations}`, credits))
      if (result.outcome !== "recorded") throw new Error(result.outcome)
    }
  } finally {
    await writer.stop()
  }
}
