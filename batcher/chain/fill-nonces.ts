import type { Hex } from "viem"
import { encodeCancel } from "../../ledger/domain/encode-cancel.ts"
import { raiseAlarm } from "../../ledger/store/alarms.ts"
import { offeredPerGas, offerFor, outbidFees } from "../domain/fees.ts"
import { gasLimitFor } from "../domain/gas-limit.ts"
import { describeCall } from "../store/call-key.ts"
import { noteStraySent } from "../store/call-moves.ts"
import { loadStrayNonces, type StrayNonce } from "../store/stray-nonces.ts"
import { readNewest, readTransactions, saveNoOp, saveTakeover } from "../store/transactions.ts"
import { isForeign, judgeBroadcast } from "./broadcast-answer.ts"
import { audienceOf } from "./broadcast-audience.ts"
import { alarmForeign, alarmUnderfunded } from "./call-alarms.ts"
import { type DeskTurn, fallbackStrategy } from "./desk-turn.ts"
import { mayBeSent, nonceSubject, replaceIfDue } from "./replace-transaction.ts"
import { readSigned, signCall } from "./sign-call.ts"

// As many as can be under way at once, and more: the rest has its turn when these are mined.
const straysMax = 200

/**
 * No nonce of the signer may stay unused, or every later one waits for it: what a batch or an anchor left behind when a reorganisation took its reverted transaction, or when another transaction did its work, is
 * sent again; where nothing was signed, a transaction that does nothing takes the nonce.
 * @param latestCount the signer's transactions in the newest block: all nonces from there on are not mined
 */
export async function fillNonces(turn: DeskTurn, latestCount: bigint): Promise<void> {
  const { batcher, desk } = turn
  for (const stray of await loadStrayNonces(batcher.db, desk.signer, latestCount, straysMax)) {
    const isNew = stray.hashes.length === 0
    if (stray.mustNotRun && !isNew) {
      const takeover = await takeFromCall(turn, stray)
      if (takeover === "saved") await sendStored(turn, stray)
      if (takeover !== "made_before") continue
    }
    if (isNew && !(await signNoOp(turn, stray))) continue
    const isReplaced = !isNew && (await replaceStored(turn, stray)) !== null
    if (isReplaced || isDue(turn, stray)) await sendStored(turn, stray)
  }
}

/**
 * A reorganisation that went deeper than what the chain called final has freed a nonce whose call must not be made any more: without a guard it would be made a second time. Its bytes are known to nodes
 * and cannot be taken back, so they are outbid by a transaction that does nothing, at once. They are not sent again in any case.
 */
async function takeFromCall(
  turn: DeskTurn,
  { nonce, key }: StrayNonce,
): Promise<"made_before" | "saved" | "not_saved"> {
  const { batcher, client, desk, policy, signer } = turn
  const newest = await readNewest(batcher.db, desk.signer, nonce)
  const last = readSigned(newest.raw)
  if (last.to === signer.address && last.data === "0x") return "made_before"
  const fees = outbidFees(last)
  const { maxFeePerGas } = policy
  const isAffordable = maxFeePerGas === null || offeredPerGas(fees) <= maxFeePerGas
  const message = `nonce ${nonce} of signer ${signer.address} is free again, though a block that was final had used it up: what was signed for ${describeCall(key)} might be mined with it a second time and is ${isAffordable ? "outbid" : "not outbid, since that takes more than max_fee"}`
  await raiseAlarm(batcher.db, {
    kind: "finality_broken",
    subject: nonceSubject(turn, signer.address, nonce),
    ledgerId: null,
    message,
  })
  if (!isAffordable) return "not_saved"
  const estimated = await client.reads.estimateGas({ account: signer.address, to: signer.address })
  const call = {
    chainId: last.chainId,
    nonce,
    to: signer.address,
    data: "0x",
    gasLimit: gasLimitFor(estimated, 0, turn.gasMax),
    ...fees,
  } as const
  const raw = await signCall(signer, call)
  const isSaved = await saveTakeover(batcher.db, {
    signer: desk.signer,
    lease: desk.lease,
    key,
    call,
    raw,
    savedAt: batcher.now(),
    replaces: newest.attempt,
  })
  return isSaved ? "saved" : "not_saved"
}

/** Whatever the nonce holds keeps all later ones waiting, so it is replaced like a transaction of an open call; the call stays the stored one. */
function replaceStored(turn: DeskTurn, stray: StrayNonce): Promise<Hex | null> {
  return replaceIfDue(turn, {
    signer: turn.desk.signer.address,
    nonce: stray.nonce,
    key: stray.key,
    bufferPercent: fallbackStrategy.feeBufferPercent,
    calldata: null,
    cancelCalldata: cancelCalldataOf(stray),
    hashes: stray.hashes,
    waitingSince: stray.waitingSince,
  })
}

function cancelCalldataOf({ cancelledBatchId }: StrayNonce): Hex | null {
  return cancelledBatchId === null ? null : encodeCancel(cancelledBatchId)
}

function isDue({ batcher, isRecovery }: DeskTurn, { sentAt }: StrayNonce): boolean {
  return (
    isRecovery ||
    sentAt === null ||
    sentAt.getTime() + batcher.limits.rebroadcastMs <= batcher.now().getTime()
  )
}

/** @returns false when the nonce is none that needs it any more, or the chain asks for more than may be offered */
async function signNoOp(turn: DeskTurn, { nonce, key }: StrayNonce): Promise<boolean> {
  const { batcher, desk, client, policy, signer } = turn
  const decision = offerFor(await turn.reads.market(), {
    bufferPercent: fallbackStrategy.feeBufferPercent,
    maxFeePerGas: policy.maxFeePerGas,
  })
  if ("refused" in decision) {
    turn.feeWatch.note(
      `the chain asks for ${decision.marketPerGas} wei per gas, max_fee is ${decision.maxFeePerGas}`,
    )
    return false
  }
  const estimated = await client.reads.estimateGas({ account: signer.address, to: signer.address })
  const call = {
    chainId: desk.signer.chainId,
    nonce,
    to: signer.address,
    data: "0x",
    gasLimit: gasLimitFor(estimated, 0, turn.gasMax),
    ...decision.fees,
  } as const
  const raw = await signCall(signer, call)
  const isSaved = await saveNoOp(batcher.db, {
    signer: desk.signer,
    lease: desk.lease,
    key,
    call,
    raw,
    savedAt: batcher.now(),
  })
  if (isSaved)
    batcher.logger.warn(
      { nonce: nonce.toString(), ledgerId: key.ledgerId, reservedFor: describeCall(key) },
      "a nonce that nothing needs is filled with a transaction that does nothing",
    )
  return isSaved
}

/** The answers mean what they mean for a batch; a receipt is not waited for, the signer's count tells when the nonce is used. */
async function sendStored(turn: DeskTurn, stray: StrayNonce): Promise<void> {
  const { nonce, sentFirstAt } = stray
  const { batcher, desk, client } = turn
  const newest = await readNewest(batcher.db, desk.signer, nonce)
  const { to } = readSigned(newest.raw)
  // Without its contract it would do nothing, and its nonce be gone: see createContractWatch.
  if (to !== desk.signer.address && !(await turn.reads.hasCode(to))) return
  if (!mayBeSent(turn, newest.raw, cancelCalldataOf(stray))) return
  const judged = judgeBroadcast(await client.broadcast(newest.raw, audienceOf(turn, { sentFirstAt })))
  const problem = "message" in judged ? judged.message : null
  await noteStraySent(desk, newest.hash, batcher.now(), problem)
  if (problem !== null)
    batcher.logger.warn({ nonce: nonce.toString(), hash: newest.hash, problem }, "no node took a transaction")
  const own = judged.verdict === "contested" ? await readTransactions(batcher.db, desk.signer, nonce) : []
  if (isForeign(judged, own.length))
    await alarmForeign(turn, `a node holds another transaction with nonce ${nonce}`)
  if (judged.verdict === "held_back" && judged.isUnderfunded) await alarmUnderfunded(turn)
}
