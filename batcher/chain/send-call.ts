import { invariant, unreachable } from "../../platform/errors.ts"
import { describeCall } from "../store/call-key.ts"
import { markBroadcast, markSentAgain } from "../store/call-moves.ts"
import type { OpenCall } from "../store/open-call.ts"
import { readTransactions } from "../store/transactions.ts"
import { judgeBroadcast } from "./broadcast-answer.ts"
import { alarmFailing, alarmForeign, alarmUnderfunded, logOf } from "./call-alarms.ts"
import type { DeskTurn } from "./desk-turn.ts"

/**
 * Sends the stored bytes of a call to every endpoint, for the first time or again: they are the same bytes, so a node that has them loses nothing.
 * @returns the call as it is afterwards
 */
export async function sendCall(turn: DeskTurn, call: OpenCall): Promise<OpenCall> {
  const { batcher, desk, client } = turn
  invariant(call.nonce !== null, "a call without a nonce has nothing to send")
  const [newest] = await readTransactions(
    batcher.db,
    { chainId: desk.signer.chainId, address: call.nonce.signer },
    call.nonce.value,
  )
  invariant(newest !== undefined, "a call that is signed has stored bytes")
  const answers = await client.broadcast(newest.raw)
  await batcher.step("broadcast")
  const judged = judgeBroadcast(answers)
  const at = batcher.now()
  const log = { ...logOf(call), nonce: call.nonce.value.toString(), hash: newest.hash }
  switch (judged.verdict) {
    case "out":
    // Used up by this very transaction, as far as anybody can tell without its receipt, which is read with every turn.
    case "nonce_used":
      if (call.state !== "signed") {
        await markSentAgain(desk, call, at, null)
        return { ...call, sentAt: at }
      }
      await markBroadcast(desk, call, at)
      batcher.logger.info({ ...log, verdict: judged.verdict }, "sent")
      return { ...call, state: "broadcast", sentAt: at }
    case "contested":
    case "held_back": {
      const isForeign = judged.verdict === "contested"
      const isUnderfunded = judged.verdict === "held_back" && judged.isUnderfunded
      const retryAt = new Date(at.getTime() + batcher.limits.rebroadcastMs)
      await markSentAgain(desk, call, at, { message: judged.message, retryAt })
      batcher.logger.warn({ ...log, problem: judged.message }, "no node took a transaction")
      if (isForeign)
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
