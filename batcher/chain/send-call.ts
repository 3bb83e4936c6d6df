import type { Hex } from "viem"
import { invariant, unreachable } from "../../platform/errors.ts"
import { markBatchesBroadcast } from "../store/batch-moves.ts"
import { describeCall } from "../store/call-key.ts"
import { markBroadcast, markSentAgain } from "../store/call-moves.ts"
import type { SignerKey } from "../store/leases.ts"
import type { OpenBatch, OpenCall } from "../store/open-call.ts"
import { readNewest, readTransactions, type SavedTransaction } from "../store/transactions.ts"
import { type BroadcastVerdict, isForeign, judgeBroadcast } from "./broadcast-answer.ts"
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
  const sent = await broadcast(turn, call)
  return sent === null ? call : noteAnswer(turn, call, sent)
}

/** Sends the stored bytes of calls for the first time, in the order of their nonces, and writes down in one commit which of them nodes may have. */
export async function sendCalls(turn: DeskTurn, calls: readonly OpenCall[]): Promise<void> {
  const { batcher, desk } = turn
  const out: (OpenBatch & { readonly sentHash: Hex })[] = []
  for (const call of calls) {
    await turn.renewLease()
    const sent = await broadcast(turn, call)
    if (sent === null) continue
    const { verdict } = sent.judged
    if (call.kind === "batch" && call.state === "signed" && (verdict === "out" || verdict === "nonce_used"))
      out.push({ ...call, sentHash: sent.newest.hash })
    else await noteAnswer(turn, call, sent)
  }
  if (out.length === 0) return
  await markBatchesBroadcast(desk, out, batcher.now())
  for (const batch of out)
    batcher.logger.info(
      { ...logOf(batch), nonce: batch.nonce?.value.toString(), hash: batch.sentHash, verdict: "out" },
      "sent",
    )
}

type Sent = {
  readonly newest: SavedTransaction
  readonly signer: SignerKey
  readonly nonce: bigint
  readonly judged: BroadcastVerdict
}

/** @returns null for what must not be sent now */
async function broadcast(turn: DeskTurn, call: OpenCall): Promise<Sent | null> {
  const { batcher, desk, client } = turn
  invariant(call.nonce !== null, "a call without a nonce has nothing to send")
  const signer = { chainId: desk.signer.chainId, address: call.nonce.signer }
  const newest = await readNewest(batcher.db, signer, call.nonce.value)
  // What would settle a batch that is being cancelled waits for its replacement, which nothing but fees can keep from being signed.
  if (!mayBeSent(turn, newest.raw, cancelCalldataOf(call))) return null
  const answers = await client.broadcast(newest.raw, audienceOf(turn, call))
  await batcher.step("broadcast")
  return { newest, signer, nonce: call.nonce.value, judged: judgeBroadcast(answers) }
}

async function noteAnswer(
  turn: DeskTurn,
  call: OpenCall,
  { newest, signer, nonce, judged }: Sent,
): Promise<OpenCall> {
  const { batcher, desk } = turn
  const at = batcher.now()
  const log = { ...logOf(call), nonce: nonce.toString(), hash: newest.hash }
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
      const own = await readTransactions(batcher.db, signer, nonce)
      if (isForeign(judged, own.length))
        await alarmForeign(turn, `a node holds another transaction with nonce ${nonce}`, signer.address)
      // That a signer which nobody works with has no coins keeps this one from nothing.
      if (isUnderfunded && signer.address === desk.signer.address) await alarmUnderfunded(turn)
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
