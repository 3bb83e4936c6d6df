import { randomUUID } from "node:crypto"
import type { BatcherContext } from "../../batcher/batcher-context.ts"
import { createSigners } from "../../batcher/chain/create-signers.ts"
import { type BatcherStatus, runBatcher } from "../../batcher/run-batcher.ts"
import { describeError } from "../../platform/errors.ts"
import { runRole } from "../../platform/lifecycle.ts"
import { followChains } from "./follow-chains.ts"
import { openRole } from "./open-role.ts"

const STATUS_INTERVAL_MS = 2_000

/**
 * Settlement lanes of every ledger, on every chain that has RPC endpoints here.
 * @param forTests ends the process at one of its steps, or has it wait for seconds instead of minutes; the program itself passes nothing
 */
export async function runBatcherRole(
  forTests: Pick<BatcherContext, "onStep" | "limits"> = {},
): Promise<void> {
  const role = openRole("batcher", 20)
  await runRole(async () => {
    await role.reachDatabase()
    const signers = await createSigners(process.env)
    const { db, databaseUrl, logger } = role
    const batcher = await followChains({
      db,
      databaseUrl,
      logger,
      name: "batcher",
      start: (clients) =>
        runBatcher({
          db,
          databaseUrl,
          logger,
          chains: new Map([...clients].map(([chainId, client]) => [chainId, { client, signers }])),
          processId: randomUUID(),
          ...forTests,
        }),
    })
    let status: BatcherStatus | undefined
    const timer = setInterval(() => {
      batcher
        .current()
        .status()
        .then(
          (measured) => {
            status = measured
          },
          (error: unknown) => role.logger.warn({ error: describeError(error) }, "no status"),
        )
    }, STATUS_INTERVAL_MS)
    role.beat(() => status ?? {})
    return {
      details: { signers: signers.map(({ address }) => address).join(", "), chains: batcher.chainCount() },
      async stop() {
        clearInterval(timer)
        await batcher.stop()
        await role.close()
      },
    }
  }, role.logger)
}
