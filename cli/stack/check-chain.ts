import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { callRpc } from "./json-rpc.ts"

type Block = { readonly number: string; readonly hash: string }

/**
 * Holds the chain against what the ledger has accounted for. Nothing is started on another chain. One that lost its newest blocks is gone on with: the worker takes back what was
 * confirmed in them, and the batcher sends it again.
 * @returns `lostTail`: what is missing, for people; null when nothing is
 * @throws ChainBridgeError CHAIN_REPLACED, with what to run
 */
export async function checkChain(
  db: Kysely<Database>,
  rpcUrl: string,
  chainId: number,
  startAfresh: string,
): Promise<{ genesisHash: string; head: number; lostTail: string | null }> {
  const genesis = await readBlock(rpcUrl, "0x0")
  const head = await readBlock(rpcUrl, "latest")
  if (genesis === null || head === null) {
    throw new ChainBridgeError("RPC_UNREACHABLE", `${rpcUrl} knows neither its first nor its newest block`)
  }
  const headNumber = Number(head.number)
  const known = await db
    .selectFrom("registry.chains")
    .select("genesis_hash")
    .where("chain_id", "=", BigInt(chainId))
    .executeTakeFirst()
  if (known !== undefined && known.genesis_hash !== genesis.hash) {
    throw new ChainBridgeError(
      "CHAIN_REPLACED",
      `chain ${chainId} is another chain than the one this ledger settles on (first block ${genesis.hash}, expected ${known.genesis_hash}): bring the old chain back, or ${startAfresh}`,
    )
  }
  const cursor = await db
    .selectFrom("ledger.chain_cursors")
    .select(["block_number", "block_hash"])
    .where("chain_id", "=", BigInt(chainId))
    .executeTakeFirst()
  const good = { genesisHash: genesis.hash, head: headNumber, lostTail: null }
  if (cursor === undefined) return good
  const number = Number(cursor.block_number)
  const block = headNumber < number ? null : await readBlock(rpcUrl, `0x${number.toString(16)}`)
  if (block?.hash === cursor.block_hash) return good
  const what =
    block === null
      ? `ends at block ${headNumber}, and the ledger has accounted for block ${number}`
      : `has another block ${number} (${block.hash}) than the one the ledger has accounted for (${cursor.block_hash})`
  const lostTail = `chain ${chainId} lost its newest blocks: it ${what}; what was confirmed in them is taken back and settled again`
  return { ...good, lostTail }
}

function readBlock(rpcUrl: string, at: string): Promise<Block | null> {
  return callRpc<Block | null>(rpcUrl, "eth_getBlockByNumber", [at, false])
}
