// Our writer with callers in the same process. DATABASE_URL; BENCH_LEDGERS: JSON of WriterTarget[].
import { randomBytes } from "node:crypto"
import { requireEnvironment } from "../../cli/roles/environment.ts"
import type { Adjustment } from "../../ledger/domain/adjust-balance.ts"
import { parseAmount } from "../../ledger/domain/amount.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createLedgerWriter, type LedgerWriter } from "../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../ledger/writer/token-directory.ts"
import { createWriterPool, warmUpWriterPool } from "../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import type { LoadOrder } from "./load-order.ts"
import { serveOrders } from "./load-process.ts"
import { measureCallers } from "./measure-callers.ts"
import { type BenchAdjustment, drawAdjustments, operationIds, prebuiltMax, takeTurns } from "./operations.ts"

export type WriterTarget = { readonly ledgerId: string; readonly tokenId: number }

const databaseUrl = requireEnvironment("DATABASE_URL")
const targets = JSON.parse(requireEnvironment("BENCH_LEDGERS")) as WriterTarget[]
const applicationName = "bench-writer"
const db = createKysely<Database>(createPool({ databaseUrl, applicationName, connectionsMax: 4 }))
const writerPool = createWriterPool({ databaseUrl, applicationName })
await warmUpWriterPool(writerPool)
const logger = createLogger("bench")
const writers = targets.map(({ ledgerId }): LedgerWriter => {
  const tokens = createTokenDirectory(db, ledgerId)
  return createLedgerWriter({ db, writerPool, ledgerId, tokens, logger })
})
const nextId = operationIds()
let seed = Date.now()

/** As large as what the API stores with an operation. */
const answerContext = {
  sync: {
    status: "pending",
    estimated_sync_at: "2026-01-31T08:15:30.123Z",
    current_batch_size: 12,
    optimal_batch_size: 40,
    estimated_gas_saving: "87%",
  },
  batch_strategy: "default",
  tokens: { 1: { symbol: "CPOP", decimals: 18 } },
}

serveOrders((order) => {
  const nextAdjustments = adjustmentsOf(order)
  return measureCallers(order, (index) => {
    const target = targets[index]
    const writer = writers[index]
    if (target === undefined || writer === undefined) throw new Error(`there is no ledger ${index}`)
    return Promise.resolve({
      async send() {
        const { outcome } = await writer.execute({
          kind: "AdjustBalance",
          operationId: nextId(),
          sequence: 0,
          requestHash: randomBytes(32),
          route: "/balance/adjust",
          businessBatchId: null,
          answerContext,
          adjustments: nextAdjustments(target.tokenId),
        })
        if (outcome !== "recorded") throw new Error(`an operation was answered by ${outcome}`)
      },
      close: () => undefined,
    })
  })
})

function adjustmentsOf(order: LoadOrder): (tokenId: number) => readonly Adjustment[] {
  seed += 1
  const draw = drawAdjustments(order, seed)
  const build = (): BenchAdjustment[] => Array.from({ length: order.perRequest }, draw)
  const bodies =
    order.pick === "each" ? [] : Array.from({ length: Math.ceil(prebuiltMax / order.perRequest) }, build)
  const next = takeTurns(bodies, build)
  return (tokenId) => next().map((drawn) => toAdjustment(drawn, tokenId))
}

function toAdjustment({ userId, amount }: BenchAdjustment, tokenId: number): Adjustment {
  const parsed = parseAmount(amount, 18, "required")
  if ("refused" in parsed) throw new Error(parsed.message)
  return {
    userId,
    tokenId,
    amountBaseUnits: parsed.amountBaseUnits,
    reasonType: "reward",
    businessType: "reward",
    priority: "normal",
    isImmediate: false,
    maxWaitMs: null,
    reasonDetail: "Daily activity",
    metadata: { activity_id: "spring_2026", reward_tier: "gold" },
  }
}
