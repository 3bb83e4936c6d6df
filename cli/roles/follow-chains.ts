import type { Kysely } from "kysely"
import { registryChangedChannel } from "../../ledger/store/channels.ts"
import type { Database } from "../../ledger/store/database.ts"
import { listen } from "../../platform/listen.ts"
import type { Logger } from "../../platform/logger.ts"
import { startLoop } from "../../platform/loop.ts"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import { openChainClient, openChainClients } from "./chain-clients.ts"

const pollMs = 2_000

export type Following<Running> = {
  current(): Running
  chainCount(): number
  stop(): Promise<void>
}

/**
 * Runs something on every chain of the registry that has RPC endpoints here. When there is one more, it is ended as it would be at the end of the process, and started again on all of them.
 */
export async function followChains<Running extends { stop(): Promise<void> }>(options: {
  readonly db: Kysely<Database>
  readonly databaseUrl: string
  readonly name: string
  readonly logger: Logger
  readonly start: (chains: ReadonlyMap<bigint, ChainClient>) => Running
}): Promise<Following<Running>> {
  const { db, logger, name } = options
  const clients = await openChainClients(db)
  let running = options.start(new Map(clients))
  let isAhead = true

  async function turn(): Promise<number> {
    const rows = await db.selectFrom("registry.chains").select("chain_id").orderBy("chain_id").execute()
    for (const { chain_id: chainId } of rows) {
      if (clients.has(chainId)) continue
      const client = openChainClient(chainId)
      if (client === undefined) continue
      clients.set(chainId, client)
      isAhead = false
    }
    if (isAhead) return pollMs
    logger.info({ chains: [...clients.keys()].map(String) }, "a chain was registered; starting again on all")
    await running.stop()
    running = options.start(new Map(clients))
    isAhead = true
    return pollMs
  }

  const loop = startLoop({ name: `chains of the ${name}`, logger, gapMs: 0, turn })
  const listening = listen({
    databaseUrl: options.databaseUrl,
    applicationName: `chainbridge-${name}-chains`,
    channels: [registryChangedChannel],
    logger,
    onNotification: () => loop.wake(),
  })
  return {
    current: () => running,
    chainCount: () => clients.size,
    async stop() {
      await Promise.all([listening.stop(), loop.stop()])
      await running.stop()
    },
  }
}
