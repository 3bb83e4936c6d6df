import { afterAll, beforeAll, expect, it } from "vitest"
import { createLedgerWriter } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createLogger } from "../../../platform/logger.ts"
import { adjustCommand, createTestLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
beforeAll(async () => {
  ledger = await createTestLedger()
})
afterAll(() => ledger.close())

it("records a small request behind the large one that is being written, and before those that wait", async () => {
  const { db, writerPool, ledgerId, tokenId } = ledger
  const tokens = createTokenDirectory(db, ledgerId)
  const logger = createLogger("test", "silent")
  const writer = createLedgerWriter({ db, writerPool, ledgerId, tokens, logger })
  const large = (name: string) =>
    adjustCommand(
      tokenId,
      name,
      Array.from({ length: 3_000 }, () => ["ann", 1n] as const),
    )
  const results = await Promise.all(
    [
      large("large 1"),
      large("large 2"),
      large("large 3"),
      adjustCommand(tokenId, "small", [["bob", 1n]]),
    ].map((command) => writer.execute(command)),
  )
  const positions = results.map((result) =>
    result.outcome === "recorded" ? result.operation.position : undefined,
  )
  // An account is opened by an event of its own.
  expect(positions).toEqual([3_001n, 6_003n, 9_003n, 3_003n])
})
