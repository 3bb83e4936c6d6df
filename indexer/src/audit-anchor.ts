import { ponder } from "ponder:registry"
import { anchorEvent, log } from "ponder:schema"

ponder.on("AuditAnchor:CheckpointAnchored", async ({ event, context }) => {
  const { ledgerId, treeSize, root } = event.args
  const place = {
    chainId: context.chain.id,
    blockHash: event.block.hash,
    logIndex: event.log.logIndex,
    blockNumber: event.block.number,
    blockTime: event.block.timestamp,
    transactionHash: event.transaction.hash,
  }
  const contract = event.log.address
  await context.db.insert(log).values({
    ...place,
    id: event.id,
    kind: "CheckpointAnchored",
    address: contract,
    // As text: JSON numbers would round a tree size.
    args: { ledgerId, treeSize: treeSize.toString(), root },
  })
  await context.db.insert(anchorEvent).values({ ...place, contract, ledgerId, treeSize, root })
})
