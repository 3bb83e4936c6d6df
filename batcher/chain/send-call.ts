import { invariant, unreachable } from "../../platform/errors.ts"
import { describeCall } from "../store/call-key.ts"
import { markBroadcast, markSentAgain } from "../store/call-moves.ts"
import type { OpenCall } from "../store/open-call.ts"
import { readNewest, readTransactions } from "../store/transactions.ts"
import { isForeign, judgeBroadcast } from "./broadcast-answer.ts"
import { audienceOf } from "./broadcast-audience.ts"
import { alarmFailing, alarmForeign, alarmUnderfunded, logOf } from "./call-alarms.ts"
import { cancelCalldataOf } from "./calldata-of.ts"
import type { DeskTurn } from "./desk-turn.ts"
import { mayBeSent } from "./replace-transaction.ts"

/**
 * Sends the newest stored bytes of a call, for the first time or again: they are the same bytes, so a node that has them loses nothing, and one that has older ones replaces them.
 * @returns the call as it is afterwards
 */
export async function sendCall(turn: DeskTurn, call: OpenCall): Promise<OpenCall> {
  const { batcher, desk, client } = turn
  invariant(call.nonce !== null, "a call without a nonce has nothing to send")
  const signer = { chainId: desk.signer.chainId, address: call.nonce.signer }
  const newest = await readNewest(batcher.db, signer, call.nonce.value)
  // What would settle a batch that is being cancelled waits for its replacement, which nothing but fees can keep from being signed.
  if (!mayBeSent(turn, newest.raw, cancelCalldataOf(call))) return call
  const answers = await client.broadcast(newest.raw, audienceOf(turn, call))
  await batcher.step("broadcast")
  const judged = judgeBroadcast(answers)
  const at = batcher.now()
  const log = { ...logOf(call), nonce: call.nonce.value.toString(), hash: newest.hash }
  switch (judged.verdict) {
    case "out":
    // Used up by one of the nonce's transactions, as far as anybody can tell without a receipt, which is looked for with every turn.
    case "nonce_used":
      if (call.state !== "signed") {
        await markSentAgain(desk, call, newest.hash, at, null)
        return { ...call, sentAt: at }
      }
      await markBroadcast(desk, call, newest.hash, at)
      batcher.logger.info({ ...log, verdict: judged.verdict }, "sent")
      return { ...call, state: "broadcast", sentAt: at }
    case "contested":
    case "held_back": {
      const isUnderfunded = judged.verdict === "held_back" && judged.isUnderfunded
      const retryAt = new Date(at.getTime() + batcher.limits.rebroadcastMs)
      await markSentAgain(desk, call, newest.hash, at, { message: judged.message, retryAt })
      batcher.logger.warn({ ...log, problem: judged.message }, "no node took a transaction")
      const own = await readTransactions(batcher.db, signer, call.nonce.value)
      if (isForeign(judged, own.length))
        await alarmForeign(turn, `a node holds another transaction with nonce ${call.nonce.value}`)
      if (isUnderfunded) await alarmUnderfunded(turn)
      if (judged.verdict === "held_back" && judged.isRefused) {
        const message = `${describeCall(call)}: every node refuses its transaction: ${judged.message}`
        await alarmFailing(batcher.db, call, message)
      }
      return { ...call, retryAt }
    }
    default:
      return unreachable(judged)
  }
}
