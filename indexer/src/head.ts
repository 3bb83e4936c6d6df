import { ponder } from "ponder:registry"
import { head } from "ponder:schema"
import { eq } from "ponder"
import { parseIndexerSources } from "../sources.ts"

const tokensOf = new Map(
  parseIndexerSources(process.env["INDEXER_SOURCES"]).chains.map((chain) => [chain.chain_id, chain.tokens]),
)

/** The first block that this process saw of each chain; below it there is no row of ours to link to. */
const firstBlockNumbers = new Map<number, bigint>()

ponder.on("Head:block", async ({ event, context }) => {
  const chainId = context.chain.id
  const { number, hash, parentHash, timestamp } = event.block
  const first = firstBlockNumbers.get(chainId) ?? number
  firstBlockNumbers.set(chainId, first)

  // Read from the database, not from Ponder's cache: its commits are asynchronous, and a database that crashed may
  // have lost the newest of them while this process lives on. A restart indexes them again.
  const [last] = await context.db.sql.select().from(head).where(eq(head.chainId, chainId))
  if (number > first && last?.blockHash !== parentHash) {
    throw new Error(
      `block ${number} of chain ${chainId} does not follow the last one indexed (${last?.blockNumber ?? "none"}): the database lost rows`,
    )
  }
  const row = {
    blockNumber: number,
    blockHash: hash,
    blockTime: timestamp,
    tokens: tokensOf.get(chainId) ?? [],
  }
  await context.db
    .insert(head)
    .values({ chainId, ...row })
    .onConflictDoUpdate(row)
})
