import { raiseAlarm } from "../../ledger/store/alarms.ts"
import { invariant, unreachable } from "../../platform/errors.ts"
import { markBroadcast, markSentAgain } from "../store/batch-moves.ts"
import { pauseLanesOfChain } from "../store/lanes.ts"
import type { OpenBatch } from "../store/open-batches.ts"
import { readTransactions } from "../store/transactions.ts"
import { judgeBroadcast } from "./broadcast-answer.ts"
import type { DeskTurn } from "./desk-turn.ts"

/**
 * Sends the stored bytes of a batch to every endpoint, for the first time or again: they are the same bytes, so a node that has them loses nothing.
 * @returns the batch as it is afterwards
 */
export async function sendBatch(turn: DeskTurn, batch: OpenBatch): Promise<OpenBatch> {
  const { batcher, desk, client } = turn
  invariant(batch.nonce !== null, "a batch without a nonce has nothing to send")
  const [newest] = await readTransactions(
    batcher.db,
    { chainId: desk.signer.chainId, address: batch.nonce.signer },
    batch.nonce.value,
  )
  invariant(newest !== undefined, "a batch that is signed has stored bytes")
  const answers = await client.broadcast(newest.raw)
  await batcher.step("broadcast")
  const judged = judgeBroadcast(answers)
  const at = batcher.now()
  const log = { batchId: batch.batchId, nonce: batch.nonce.value.toString(), hash: newest.hash }
  switch (judged.verdict) {
    case "out":
    // Used up by this very transaction, as far as anybody can tell without its receipt, which is read with every turn.
    case "nonce_used":
      if (batch.state !== "signed") {
        await markSentAgain(desk, batch, at, null)
        return { ...batch, sentAt: at }
      }
      await markBroadcast(desk, batch, at)
      batcher.logger.info({ ...log, verdict: judged.verdict }, "sent")
      return { ...batch, state: "broadcast", sentAt: at }
    case "contested":
    case "held_back": {
      const isForeign = judged.verdict === "contested"
      const isUnderfunded = judged.verdict === "held_back" && judged.isUnderfunded
      const retryAt = new Date(at.getTime() + batcher.limits.rebroadcastMs)
      await markSentAgain(desk, batch, at, { message: judged.message, retryAt })
      batcher.logger.warn({ ...log, problem: judged.message }, "no node took a transaction")
      if (isForeign)
        await alarmForeign(turn, `a node holds another transaction with nonce ${batch.nonce.value}`)
      if (isUnderfunded) await alarmUnderfunded(turn)
      if (judged.verdict === "held_back" && judged.isRefused) {
        const message = `batch ${batch.batchSequence}: every node refuses its transaction: ${judged.message}`
        await raiseAlarm(batcher.db, { kind: "batch_failing", subject: `batch:${batch.batchId}`, message })
      }
      return { ...batch, retryAt }
    }
    default:
      return unreachable(judged)
  }
}

/** Somebody else signs with our key: nothing new is sent from it until a person has looked. */
export async function alarmForeign({ batcher, desk }: DeskTurn, what: string): Promise<void> {
  const { chainId, address } = desk.signer
  const message = `signer ${address} on chain ${chainId} is used by somebody else: ${what}`
  await batcher.db.transaction().execute(async (trx) => {
    await raiseAlarm(trx, { kind: "foreign_transaction", subject: `signer:${chainId}:${address}`, message })
    await pauseLanesOfChain(trx, chainId, message)
  })
}

export async function alarmUnderfunded({ batcher, desk }: DeskTurn): Promise<void> {
  const { chainId, address } = desk.signer
  const message = `signer ${address} on chain ${chainId} cannot pay for gas: send it coins and resume`
  await batcher.db.transaction().execute(async (trx) => {
    await raiseAlarm(trx, { kind: "signer_balance", subject: `signer:${chainId}:${address}`, message })
    await pauseLanesOfChain(trx, chainId, message)
  })
}
