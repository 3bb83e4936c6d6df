import type { Kysely } from "kysely"
import type pg from "pg"
import type { Database } from "../../ledger/store/database.ts"
import { createAccountMemory } from "../../ledger/writer/account-memory.ts"
import {
  createLedgerWriter,
  type LedgerWriter,
  type WriterLimits,
} from "../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../ledger/writer/token-directory.ts"
import type { Logger } from "../../platform/logger.ts"

export type LedgerWriters = {
  of(ledgerId: string): LedgerWriter
  /** Refuses new work and finishes what waits, on every ledger. */
  stop(): Promise<void>
}

/** The one writer of each ledger in this process, made when the ledger is first written to. */
export function createLedgerWriters(options: {
  readonly db: Kysely<Database>
  readonly writerPool: pg.Pool
  readonly logger: Logger
  readonly limits?: WriterLimits
}): LedgerWriters {
  const { db, ...shared } = options
  const memory = createAccountMemory()
  const writers = new Map<string, LedgerWriter>()
  return {
    of(ledgerId) {
      const known = writers.get(ledgerId)
      if (known !== undefined) return known
      const tokens = createTokenDirectory(db, ledgerId)
      const writer = createLedgerWriter({ ...shared, db, ledgerId, tokens, memory })
      writers.set(ledgerId, writer)
      return writer
    },
    async stop() {
      await Promise.all([...writers.values()].map((writer) => writer.stop()))
    },
  }
}
