import { invariant } from "../../platform/errors.ts"
import { feesFrom } from "../domain/fees.ts"
import { gasLimitFor } from "../domain/gas-limit.ts"
import { describeCall } from "../store/call-key.ts"
import { noteStraySent } from "../store/call-moves.ts"
import { loadStrayNonces, type StrayNonce } from "../store/stray-nonces.ts"
import { readTransactions, saveNoOp } from "../store/transactions.ts"
import { judgeBroadcast } from "./broadcast-answer.ts"
import { alarmForeign, alarmUnderfunded } from "./call-alarms.ts"
import { type DeskTurn, fallbackStrategy } from "./desk-turn.ts"
import { signCall } from "./sign-call.ts"

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
    if (!stray.isSigned && !(await signNoOp(turn, stray))) continue
    if (isDue(turn, stray)) await sendStored(turn, stray.nonce)
  }
}

function isDue({ batcher, isRecovery }: DeskTurn, { sentAt }: StrayNonce): boolean {
  return (
    isRecovery ||
    sentAt === null ||
    sentAt.getTime() + batcher.limits.rebroadcastMs <= batcher.now().getTime()
  )
}

/** @returns false when the nonce is none that needs it any more */
async function signNoOp(turn: DeskTurn, { nonce, key }: StrayNonce): Promise<boolean> {
  const { batcher, desk, client, signer } = turn
  const estimated = await client.reads.estimateGas({ account: signer.address, to: signer.address })
  const call = {
    chainId: desk.signer.chainId,
    nonce,
    to: signer.address,
    data: "0x",
    gasLimit: gasLimitFor(estimated, 0),
    ...feesFrom(await turn.reads.feeHistory(), fallbackStrategy.feeBufferPercent),
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
async function sendStored(turn: DeskTurn, nonce: bigint): Promise<void> {
  const { batcher, desk, client } = turn
  const [newest] = await readTransactions(batcher.db, desk.signer, nonce)
  invariant(newest !== undefined, `nonce ${nonce} is signed and has no stored bytes`)
  const judged = judgeBroadcast(await client.broadcast(newest.raw))
  const problem = "message" in judged ? judged.message : null
  await noteStraySent(desk, newest.hash, batcher.now(), problem)
  if (problem !== null)
    batcher.logger.warn({ nonce: nonce.toString(), hash: newest.hash, problem }, "no node took a transaction")
  if (judged.verdict === "contested")
    await alarmForeign(turn, `a node holds another transaction with nonce ${nonce}`)
  if (judged.verdict === "held_back" && judged.isUnderfunded) await alarmUnderfunded(turn)
}
