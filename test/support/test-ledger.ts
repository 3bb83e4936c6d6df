import { randomBytes, randomUUID } from "node:crypto"
import type { Kysely } from "kysely"
import type pg from "pg"
import type { AdjustBalanceCommand } from "../../ledger/domain/adjust-balance.ts"
import { genesisHash } from "../../ledger/domain/event-encoding.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { createTestDatabase, type TestDatabase } from "./postgres.ts"

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
  await db
    .insertInto("registry.chains")
    .values({
      chain_id: 31337n,
      name: "local",
      confirmation_blocks: 2,
      finality: "depth",
      block_time_ms: 1000,
      start_block: 0n,
      genesis_hash: `0x${"11".repeat(32)}`,
      explorer_url: null,
      wallet_manager: `0x${"22".repeat(20)}`,
      wallet_init_code_hash: `0x${"33".repeat(32)}`,
    })
    .execute()
  const { token_id: tokenId } = await db
    .insertInto("registry.tokens")
    .values({
      chain_id: 31337n,
      token_address: `0x${"44".repeat(20)}`,
      symbol: "CPOP",
      name: "CPOP",
      decimals: 18,
      features: ["settle"],
      settlement_mode: "settle",
      start_block: 0n,
      is_default: true,
      strategy: "{}",
      drift_threshold: 0n,
    })
    .returning("token_id")
    .executeTakeFirstOrThrow()
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
