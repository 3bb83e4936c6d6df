import type { Kysely } from "kysely"
import type { Address, PublicClient } from "viem"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import type { NewEvent } from "../../ledger/domain/events.ts"
import { append } from "../../ledger/store/append.ts"
import type { Database } from "../../ledger/store/database.ts"
import { withHead } from "../../ledger/store/ledger-transaction.ts"

type Options = {
  readonly db: Kysely<Database>
  readonly chain: PublicClient
  readonly ledgerId: string
  readonly chainId: bigint
  readonly token: Address
}

/** Records what the chain's logs say of every batch that is not confirmed: a test of the batcher has no indexer. */
export async function confirmFromLogs({ db, chain, ledgerId, chainId, token }: Options): Promise<void> {
  const batchesSettled = await chain.getContractEvents({
    abi: cpopTokenAbi,
    eventName: "BatchSettled",
    address: token,
    fromBlock: 0n,
    toBlock: "latest",
    strict: true,
  })
  for (const settled of batchesSettled) {
    const batchSequence = settled.args.batchId & (2n ** 64n - 1n)
    const accounts = await db
      .selectFrom("settlement.batch_accounts")
      .select(["account_id", "delta"])
      .where("batch_sequence", "=", batchSequence)
      .where("state", "in", ["open", "reopened"])
      .execute()
    if (accounts.length === 0) continue
    await withHead(db, ledgerId, (ledger) =>
      append(
        ledger,
        [
          {
            type: "SettlementConfirmed",
            data: {
              chain_id: Number(chainId),
              block_number: Number(settled.blockNumber),
              block_hash: settled.blockHash,
              log_index: settled.logIndex,
              transaction_hash: settled.transactionHash,
              batch_sequence: Number(batchSequence),
              batch_id: `0x${settled.args.batchId.toString(16).padStart(64, "0")}`,
              accounts: accounts.map(({ account_id, delta }) => ({
                account_id: Number(account_id),
                settled: delta.toString(),
                amount: delta.toString(),
              })),
            },
            operation: null,
            account: null,
            occurredAt: new Date(),
            causation: `log:${chainId}:${settled.blockHash}:${settled.logIndex}`,
            details: null,
          },
        ],
        new Date(),
      ),
    )
  }
}

/** Takes the newest confirmation of the ledger back, as a reorganisation would. */
export async function revokeNewest({ db, ledgerId, chainId }: Options): Promise<void> {
  const confirmed = await db
    .selectFrom("ledger.events")
    .select(["position", "data"])
    .where("ledger_id", "=", ledgerId)
    .where("type", "=", "SettlementConfirmed")
    .orderBy("position", "desc")
    .limit(1)
    .executeTakeFirstOrThrow()
  const data = confirmed.data as Extract<NewEvent, { type: "SettlementConfirmed" }>["data"]
  await withHead(db, ledgerId, (ledger) =>
    append(
      ledger,
      [
        {
          type: "ConfirmationRevoked",
          data: {
            chain_id: Number(chainId),
            block_number: data.block_number,
            block_hash: data.block_hash,
            revoked_position: Number(confirmed.position),
            revoked_type: "SettlementConfirmed",
            batch_sequence: data.batch_sequence,
            accounts: data.accounts,
            reopened_account_ids: [],
          },
          operation: null,
          account: null,
          occurredAt: new Date(),
          causation: `log:${chainId}:${data.block_hash}:${data.log_index}`,
          details: null,
        },
      ],
      new Date(),
    ),
  )
}
