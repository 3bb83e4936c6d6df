import type { Database } from "../../ledger/store/database.ts"
import { createLedgerWriter } from "../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../ledger/writer/token-directory.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { adjustCommand } from "./test-ledger.ts"

/** What a writer of a test is told, as JSON in TEST_WRITER. */
export type WriterProcessOptions = {
  readonly databaseUrl: string
  readonly applicationName: string
  readonly ledgerId: string
  readonly tokenId: number
  /** Its one operation: ann gets 1. */
  readonly operationId: string
}

const options = JSON.parse(process.env["TEST_WRITER"] ?? "{}") as WriterProcessOptions
const { databaseUrl, applicationName, ledgerId } = options
const db = createKysely<Database>(createPool({ databaseUrl, applicationName, connectionsMax: 2 }))
let isFrozenOnce = false
const writer = createLedgerWriter({
  db,
  writerPool: createWriterPool({ databaseUrl, applicationName }),
  ledgerId,
  tokens: createTokenDirectory(db, ledgerId),
  logger: createLogger("writer"),
  // Asked for with the head locked and nothing written.
  now() {
    if (!isFrozenOnce) process.kill(process.pid, "SIGSTOP")
    isFrozenOnce = true
    return new Date()
  },
})
const { outcome } = await writer.execute(adjustCommand(options.tokenId, options.operationId, [["ann", 1n]]))
process.send?.(outcome, () => process.exit(0))
// The test that started us is gone.
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"))
