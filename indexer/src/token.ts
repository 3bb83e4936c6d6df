import { type Context, type Event, ponder } from "ponder:registry"
import { batchCancelledEvent, batchSettledEvent, debitSkippedEvent, log, transferEvent } from "ponder:schema"
import { zeroAddress } from "viem"

type TokenEvent = Event<
  "Token:Transfer" | "Token:BatchSettled" | "Token:DebitSkipped" | "Token:BatchCancelled"
>

/** Where the log stands on the chain; the same columns in every typed table. */
function locate(event: TokenEvent, context: Context) {
  return {
    chainId: context.chain.id,
    blockHash: event.block.hash,
    logIndex: event.log.logIndex,
    blockNumber: event.block.number,
    blockTime: event.block.timestamp,
    transactionHash: event.transaction.hash,
    token: event.log.address,
  }
}

/** Amounts as decimal strings: JSON numbers would round them. */
async function recordLog(event: TokenEvent, context: Context, kind: string, args: Record<string, string>) {
  const { token, ...place } = locate(event, context)
  await context.db.insert(log).values({ id: event.id, kind, address: token, ...place, args })
}

function transferKind(from: string, to: string): "mint" | "burn" | "transfer" {
  if (from === zeroAddress) return "mint"
  return to === zeroAddress ? "burn" : "transfer"
}

ponder.on("Token:Transfer", async ({ event, context }) => {
  const { from, to, value } = event.args
  const ends = { from: from.toLowerCase() as typeof from, to: to.toLowerCase() as typeof to }
  await recordLog(event, context, "Transfer", { ...ends, value: value.toString() })
  await context.db
    .insert(transferEvent)
    .values({ ...locate(event, context), ...ends, amount: value, kind: transferKind(from, to) })
})

ponder.on("Token:BatchSettled", async ({ event, context }) => {
  const { batchId, contentHash, minted, burned } = event.args
  await recordLog(event, context, "BatchSettled", {
    batchId: batchId.toString(),
    contentHash,
    minted: minted.toString(),
    burned: burned.toString(),
  })
  await context.db
    .insert(batchSettledEvent)
    .values({ ...locate(event, context), batchId, contentHash, minted, burned })
})

ponder.on("Token:DebitSkipped", async ({ event, context }) => {
  const { batchId, amount, balance } = event.args
  const account = event.args.account.toLowerCase() as typeof event.args.account
  await recordLog(event, context, "DebitSkipped", {
    batchId: batchId.toString(),
    account,
    amount: amount.toString(),
    balance: balance.toString(),
  })
  await context.db
    .insert(debitSkippedEvent)
    .values({ ...locate(event, context), batchId, account, amount, balance })
})

ponder.on("Token:BatchCancelled", async ({ event, context }) => {
  const { batchId } = event.args
  await recordLog(event, context, "BatchCancelled", { batchId: batchId.toString() })
  await context.db.insert(batchCancelledEvent).values({ ...locate(event, context), batchId })
})
