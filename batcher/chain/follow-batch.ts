import { type Hex, TransactionReceiptNotFoundError } from "viem"
import { clearAlarm, raiseAlarm } from "../../ledger/store/alarms.ts"
import { invariant } from "../../platform/errors.ts"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import { type MinedReceipt, markMined, markUnmined, spendNonceInVain } from "../store/batch-moves.ts"
import type { OpenBatch } from "../store/open-batches.ts"
import { type DeskTurn, finalBlock, retryAtAfterFailure, strategyOf } from "./desk-turn.ts"
import { pauseAfterLastFailure } from "./fail-batch.ts"
import { alarmForeign, sendBatch } from "./send-batch.ts"

export type Receipt = MinedReceipt & { readonly isReverted: boolean }

/** The receipt of a transaction; null while it is in no block that the endpoint knows. @throws ChainBridgeError RPC_UNAVAILABLE */
export async function readReceipt(client: ChainClient, hash: Hex): Promise<Receipt | null> {
  try {
    const receipt = await client.reads.getTransactionReceipt({ hash })
    return {
      hash,
      blockNumber: receipt.blockNumber,
      blockHash: receipt.blockHash.toLowerCase(),
      gasUsed: receipt.gasUsed,
      effectiveGasPrice: receipt.effectiveGasPrice,
      isReverted: receipt.status === "reverted",
    }
  } catch (error) {
    if (error instanceof TransactionReceiptNotFoundError) return null
    throw error
  }
}

/** Any of the transactions of a nonce may be the one that was mined. */
export async function readReceiptOf(client: ChainClient, hashes: readonly Hex[]): Promise<Receipt | null> {
  for (const hash of hashes) {
    const receipt = await readReceipt(client, hash)
    if (receipt !== null) return receipt
  }
  return null
}

/** Looks after a batch whose transaction is saved: mined, not mined any more, reverted, or to be sent again. */
export async function followBatch(turn: DeskTurn, batch: OpenBatch, receipt: Receipt | null): Promise<void> {
  const { batcher, desk } = turn
  if (receipt === null) return followUnmined(turn, batch)
  if (receipt.isReverted) return followReverted(turn, batch, receipt)
  if (batch.state === "mined" && batch.blockHash === receipt.blockHash) return
  await batcher.step("mined")
  if (!(await markMined(desk, batch, receipt, batcher.now()))) return
  await clearAlarm(batcher.db, "stuck_nonce", stuckSubject(turn, batch))
  batcher.logger.info(
    { batchId: batch.batchId, hash: receipt.hash, block: receipt.blockNumber.toString() },
    "mined",
  )
}

async function followUnmined(turn: DeskTurn, batch: OpenBatch): Promise<void> {
  const { batcher, desk } = turn
  let current = batch
  if (batch.state === "mined") {
    if (!(await markUnmined(desk, batch))) return
    batcher.logger.warn({ batchId: batch.batchId }, "the block of a batch is gone; it is sent again")
    current = { ...batch, state: "broadcast", sentAt: null, blockHash: null }
  }
  if (isDue(turn, current)) current = await sendBatch(turn, current)
  if (await wasSpentByOthers(turn, current)) return
  await alarmIfStuck(turn, current)
}

function isDue({ batcher, isRecovery }: DeskTurn, batch: OpenBatch): boolean {
  const nowMs = batcher.now().getTime()
  if (isRecovery || batch.sentAt === null) return true
  if (batch.retryAt !== null) return batch.retryAt.getTime() <= nowMs
  return batch.sentAt.getTime() + batcher.limits.rebroadcastMs <= nowMs
}

/**
 * The nonce is used up past the confirmation depth and none of our transactions of it has a receipt: somebody else signs with our key. The batch gets another nonce once its
 * lane is resumed. Should the receipt only have been kept from us, the token's guard refuses the second settlement.
 */
async function wasSpentByOthers(turn: DeskTurn, batch: OpenBatch): Promise<boolean> {
  const { batcher, desk, client, reads } = turn
  const { nonce } = batch
  invariant(nonce !== null, "a batch that is followed has a nonce")
  const signer = nonce.signer as Hex
  if ((await reads.latestCount(signer)) <= nonce.value) return false
  if ((await reads.finalCount(signer)) <= nonce.value) return false
  if ((await readReceiptOf(client, batch.hashes)) !== null) return false
  await alarmForeign(turn, `nonce ${nonce.value} was used by a transaction that is not ours`)
  await spendNonceInVain(
    desk,
    { ...batch, nonce },
    {
      at: batcher.now(),
      retryAt: retryAtAfterFailure(turn, batch),
      message: `nonce ${nonce.value} was used by a foreign transaction`,
    },
  )
  return true
}

/** The transaction ran and changed nothing. Its nonce is gone for good once its block is final; then the same call is made with another one. */
async function followReverted(turn: DeskTurn, batch: OpenBatch, receipt: Receipt): Promise<void> {
  const { batcher, desk, client } = turn
  const { nonce } = batch
  invariant(nonce !== null, "a batch that is followed has a nonce")
  // It was seen as mined in a block that is gone; in this one it failed.
  if (batch.state === "mined" && !(await markUnmined(desk, batch))) return
  if (receipt.blockNumber > finalBlock(turn)) return
  if ((await client.canonicalBlock(receipt.blockNumber))?.hash !== receipt.blockHash) return
  const failures = batch.failures + 1
  const message = `transaction ${receipt.hash} reverted in block ${receipt.blockNumber}`
  batcher.logger.warn(
    { batchId: batch.batchId, failures, hash: receipt.hash },
    "a settlement reverted on chain",
  )
  const current = batch.state === "mined" ? ({ ...batch, state: "broadcast" } as const) : batch
  await spendNonceInVain(
    desk,
    { ...current, nonce },
    {
      at: batcher.now(),
      retryAt: retryAtAfterFailure(turn, batch),
      message,
      also: (trx) => pauseAfterLastFailure(trx, batch, message),
    },
  )
}

/** A nonce that is not mined holds up every later one of its signer. */
async function alarmIfStuck(turn: DeskTurn, batch: OpenBatch): Promise<void> {
  const { batcher } = turn
  const { nonce } = batch
  invariant(nonce !== null, "a batch that is followed has a nonce")
  const ageMs = batcher.now().getTime() - nonce.reservedAt.getTime()
  if (ageMs < strategyOf(batch).pendingAlarmMs) return
  await raiseAlarm(batcher.db, {
    kind: "stuck_nonce",
    subject: stuckSubject(turn, batch),
    message: `nonce ${nonce.value} of signer ${nonce.signer} is not mined after ${Math.round(ageMs / 1000)} s; later transactions wait behind it`,
  })
}

function stuckSubject({ desk }: DeskTurn, { nonce }: OpenBatch): string {
  return `nonce:${desk.signer.chainId}:${nonce?.signer}:${nonce?.value}`
}
