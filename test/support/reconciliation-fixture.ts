import { randomUUID } from "node:crypto"
import { type Kysely, sql } from "kysely"
import pg from "pg"
import type { ChainView } from "../../ledger/confirmations/chain-view.ts"
import {
  type ReconciliationLimits,
  runReconciliation,
} from "../../ledger/reconciliation/run-reconciliation.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createLogger } from "../../platform/logger.ts"
import { createLoopFixture, type LoopFixture } from "./loop-fixture.ts"
import { waitUntil } from "./wait-until.ts"

export type ReconciliationFixture = ReturnType<typeof withReconciliation>

/** The whole loop, with a batcher that runs, and runs of reconciliation when the test asks for them. */
export async function createReconciliationFixture(
  ...options: Parameters<typeof createLoopFixture>
): Promise<ReconciliationFixture> {
  const loop = await createLoopFixture(...options)
  loop.run()
  await loop.follow()
  return withReconciliation(loop)
}

function withReconciliation(loop: LoopFixture) {
  const { db, ledgerId, tokenId, chainId } = loop
  const running = new Set<ReturnType<typeof runReconciliation>>()
  const owner = new pg.Pool({ connectionString: loop.database.ownerUrl, max: 1 })
  const fixture = {
    ...loop,
    /** Of the schemas' owner: Ponder's own tables, and what the app may not lock. */
    owner,

    ask: async (of: { readonly userId?: string; readonly ledgerId?: string } = {}): Promise<string> => {
      const runId = randomUUID()
      await db
        .insertInto("ledger.reconciliation_runs")
        .values({
          ledger_id: of.ledgerId ?? ledgerId,
          run_id: runId,
          token_id: tokenId,
          trigger: "demand",
          user_id: of.userId ?? null,
          state: "requested",
          requested_at: new Date(),
        })
        .execute()
      return runId
    },

    /** The worker's part, without a schedule unless the test wants one. */
    work: (
      options: {
        readonly view?: ChainView
        readonly db?: Kysely<Database>
      } & Partial<ReconciliationLimits> = {},
    ) => {
      const { view = loop.view, db: other = db, ...limits } = options
      const worker = runReconciliation({
        db: other,
        logger: createLogger("test", process.env["TEST_LOG_LEVEL"] ?? "silent"),
        chainId: Number(chainId),
        view,
        limits: { pollMs: 200, retryMs: 50, retryMsMax: 200, patienceMs: 60_000, ...limits },
      })
      running.add(worker)
      return {
        ...worker,
        stop: async () => {
          running.delete(worker)
          await worker.stop()
        },
      }
    },

    run: (runId: string) =>
      db
        .selectFrom("ledger.reconciliation_runs")
        .selectAll()
        .where("run_id", "=", runId)
        .executeTakeFirstOrThrow(),

    drifts: async (runId: string) =>
      (
        await db
          .selectFrom("ledger.drifts as d")
          .leftJoin("ledger.accounts as a", (join) =>
            join.onRef("a.ledger_id", "=", "d.ledger_id").onRef("a.account_id", "=", "d.account_id"),
          )
          .select(["a.user_id", "d.ledger_amount", "d.indexer_amount", "d.chain_amount", "d.cause"])
          .where("d.run_id", "=", runId)
          .orderBy("d.account_id")
          .execute()
      ).map((row) => [
        row.user_id ?? "supply",
        row.ledger_amount,
        row.indexer_amount,
        row.chain_amount,
        row.cause,
      ]),

    /** Waits for a run's end. */
    result: async (runId: string) => {
      const run = await waitUntil(
        async () => {
          const row = await fixture.run(runId)
          return row.state !== "requested" && row
        },
        { what: "the run has a result", describe: () => fixture.run(runId), timeoutMs: 50_000 },
      )
      return { ...run, drifts: await fixture.drifts(runId) }
    },

    /** Asks, works and waits. */
    reconcile: async (of: { readonly userId?: string; readonly ledgerId?: string } = {}) => {
      const runId = await fixture.ask(of)
      const worker = fixture.work()
      try {
        return await fixture.result(runId)
      } finally {
        await worker.stop()
      }
    },

    /** Settles these changes, and confirms everything that is on the chain. */
    settleAndConfirm: async (changes: readonly (readonly [userId: string, amount: bigint])[]) => {
      await loop.settle(changes)
      await loop.confirmAll()
    },

    /** Lets no scheduled run be due: one was made just now. */
    quietSchedule: () =>
      sql`
        INSERT INTO ledger.reconciliation_runs
          (ledger_id, run_id, token_id, trigger, state, requested_at, finished_at, block_number, block_hash)
        SELECT h.ledger_id, gen_random_uuid(), ${tokenId}, 'schedule', 'finished', now(), now(), 0, '0x' FROM ledger.head h`.execute(
        db,
      ),

    /** Changes Ponder's tables as if nobody saw it. */
    tamper: async (statement: string, values: readonly unknown[] = []): Promise<void> => {
      const client = await owner.connect()
      try {
        await client.query("SET session_replication_role = replica")
        await client.query(statement, [...values])
      } finally {
        await client.query("RESET session_replication_role")
        client.release()
      }
    },

    close: async (): Promise<void> => {
      await Promise.all([...running].map((worker) => worker.stop()))
      await owner.end()
      await loop.close()
    },
  }
  return fixture
}
