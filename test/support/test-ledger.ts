import { randomBytes, randomUUID } from "node:crypto"
import type { Kysely } from "kysely"
import type pg from "pg"
import type { AdjustBalanceCommand } from "../../ledger/domain/adjust-balance.ts"
import { genesisHash } from "../../ledger/domain/event-encoding.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import type { TestDatabase } from "./create-database.ts"
import { insertToken } from "./insert-token.ts"
import { createTestDatabase } from "./postgres.ts"

export type TestLedger = {
  readonly database: TestDatabase
  readonly pool: pg.Pool
  readonly db: Kysely<Database>
  readonly writerPool: pg.Pool
  readonly ledgerId: string
  readonly tokenId: number
  close(): Promise<void>
}

/** A database with one ledger and one token of 18 decimals on chain 31337, whose address no contract has. */
export async function createTestLedger(): Promise<TestLedger> {
  const database = await createTestDatabase()
  const pool = createPool({ databaseUrl: database.appUrl, applicationName: "test", connectionsMax: 8 })
  const db = createKysely<Database>(pool)
  const writerPool = createWriterPool({ databaseUrl: database.appUrl, applicationName: "test" })
  const ledgerId = await insertLedger(db)
  const tokenId = await insertToken(db, { address: `0x${"44".repeat(20)}`, strategy: {} })
  return {
    database,
    pool,
    db,
    writerPool,
    ledgerId,
    tokenId,
    async close() {
      await writerPool.end()
      await db.destroy()
      await database.drop()
    },
  }
}

/** One more ledger in the same database. */
export async function insertLedger(db: Kysely<Database>): Promise<string> {
  const ledgerId = randomUUID()
  await db
    .insertInto("registry.ledgers")
    .values({ ledger_id: ledgerId, name: ledgerId, identifier_salt: randomBytes(32) })
    .execute()
  await db
    .insertInto("ledger.head")
    .values({ ledger_id: ledgerId, position: 0n, hash: genesisHash, account_count: 0n, batch_count: 0n })
    .execute()
  return ledgerId
}

/** An operation of adjustments `[user, base units]` in one token. */
export function adjustCommand(
  tokenId: number,
  operationId: string,
  adjustments: readonly (readonly [userId: string, amountBaseUnits: bigint])[],
  requestHash: Buffer = Buffer.alloc(32, operationId.length),
): AdjustBalanceCommand {
  return {
    kind: "AdjustBalance",
    operationId,
    sequence: 0,
    requestHash,
    route: "POST /balance/adjust",
    businessBatchId: null,
    answerContext: { blockchain_sync: { status: "pending" } },
    adjustments: adjustments.map(([userId, amountBaseUnits]) => ({
      userId,
      tokenId,
      amountBaseUnits,
      reasonType: "reward",
      businessType: "reward",
      priority: "normal",
      isImmediate: false,
      maxWaitMs: null,
      reasonDetail: "for the test",
      metadata: { activity_id: "a-1", tier: 0.1 },
    })),
  }
}
