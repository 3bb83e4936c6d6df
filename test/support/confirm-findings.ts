import type { Kysely } from "kysely"
import { type Address, type PublicClient, parseEventLogs } from "viem"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import { lockLedgers } from "../../ledger/confirmations/chain-locks.ts"
import { loadOwnership } from "../../ledger/confirmations/load-ownership.ts"
import { recordFindings } from "../../ledger/confirmations/record-findings.ts"
import type { ChainLog } from "../../ledger/domain/chain-log.ts"
import { decideConfirmations } from "../../ledger/domain/decide-confirmations.ts"
import type { Database } from "../../ledger/store/database.ts"

/** Records all that the chain's logs say, of batches and of whatever else there is: a test of the batcher has no indexer. */
export async function confirmFindings(options: {
  readonly db: Kysely<Database>
  readonly chain: PublicClient
  readonly ledgerId: string
  readonly chainId: bigint
  readonly tokenId: number
  readonly token: Address
  readonly treasury?: Address | undefined
}): Promise<void> {
  const { db, chain, ledgerId, tokenId, token, treasury } = options
  const chainId = Number(options.chainId)
  const raw = await chain.getLogs({
    address: treasury === undefined ? token : [token, treasury],
    fromBlock: 0n,
    toBlock: "latest",
  })
  const parsed = parseEventLogs({
    abi: cpopTokenAbi,
    eventName: ["Transfer", "BatchSettled", "DebitSkipped"],
    logs: raw,
  })
  const logs = parsed.map((log): ChainLog => {
    const { blockNumber, blockHash, transactionHash, logIndex } = log
    const address = log.address.toLowerCase()
    const place = { chainId, address, blockNumber, blockHash, blockTime: 1, transactionHash, logIndex }
    if (log.eventName === "BatchSettled") return { ...place, kind: log.eventName, args: log.args }
    if (log.eventName === "DebitSkipped") {
      const account = log.args.account.toLowerCase()
      return { ...place, kind: log.eventName, args: { ...log.args, account } }
    }
    const { from, to, value } = log.args
    return { ...place, kind: log.eventName, args: { from: from.toLowerCase(), to: to.toLowerCase(), value } }
  })
  await db.transaction().execute(async (trx) => {
    const ledgers = await lockLedgers(trx, [ledgerId])
    const ownership = await loadOwnership(trx, tokenId, chainId, [ledgerId], logs)
    await recordFindings(trx, ledgers, decideConfirmations(logs, ownership), new Date())
  })
}
