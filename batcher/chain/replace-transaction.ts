import { type Hex, keccak256 } from "viem"
import { clearAlarm, raiseAlarm } from "../../ledger/store/alarms.ts"
import { invariant, unreachable } from "../../platform/errors.ts"
import { coversMarket, offeredPerGas, type RaiseDecision, raiseFees } from "../domain/fees.ts"
import { replacementDelayMs } from "../domain/replacement-delay.ts"
import { type CallKey, describeCall } from "../store/call-key.ts"
import type { OpenCall } from "../store/open-call.ts"
import { readNewest, saveReplacement } from "../store/transactions.ts"
import { alarmUnderfunded } from "./call-alarms.ts"
import type { DeskTurn } from "./desk-turn.ts"
import { readSigned, signCall } from "./sign-call.ts"

/** A nonce whose transactions no block has, as far as is known. */
export type WaitingNonce = {
  readonly signer: string
  readonly nonce: bigint
  /** What the nonce was reserved for. */
  readonly key: CallKey
  readonly bufferPercent: number
  /** What the call is by now; null: whatever is stored for it, such as a call that does nothing. */
  readonly calldata: (() => Promise<Hex>) | null
  /** What takes the id of its batch out of use, where that is all that may be sent for it; null where it is not. */
  readonly cancelCalldata: Hex | null
} & Pick<OpenCall, "hashes" | "waitingSince">

/**
 * Signs and saves a second, third … transaction for a nonce whose newest one has waited long enough: the same call, at higher fees. Sending it is somebody else's step.
 * For a batch that is being cancelled the call is exchanged, at once: what was sent before may still be mined, and then it was settled.
 * Whichever of them is mined, the others never can be: they share the nonce. Until a receipt says which, all of them count.
 * @returns the hash of what was saved
 */
export async function replaceIfDue(turn: DeskTurn, waiting: WaitingNonce): Promise<Hex | null> {
  const { batcher, client, desk, policy, signer } = turn
  const { nonce, waitingSince, hashes, cancelCalldata } = waiting
  // Another key signs for it.
  if (waiting.signer !== signer.address) return null
  const isExchange = cancelCalldata !== null && !(await isHarmless(turn, nonce, cancelCalldata))
  // Nothing was sent yet.
  if (waitingSince === null && !isExchange) return null
  const waitedMs = waitingSince === null ? 0 : batcher.now().getTime() - waitingSince.getTime()
  if (!isExchange && waitedMs < replacementDelayMs(policy, hashes.length)) return null
  const firstUnmined = await turn.reads.latestCount(signer.address)
  // Used: by one of ours, whose receipt is on its way to us, or by a foreign one.
  if (nonce < firstUnmined) return null

  const newest = await readNewest(batcher.db, desk.signer, nonce)
  const last = readSigned(newest.raw)
  const market = await turn.reads.market()
  // It waits for an earlier nonce, and no fee changes that.
  if (!isExchange && nonce > firstUnmined && coversMarket(last, market)) return null
  const decision = raiseFees(last, market, {
    bufferPercent: waiting.bufferPercent,
    maxFeePerGas: policy.maxFeePerGas,
    mayOutbid: isExchange,
  })
  if ("refused" in decision) {
    await noteRefusal(turn, nonce, decision)
    return null
  }
  const { chainId, to, gasLimit } = last
  const data = isExchange ? cancelCalldata : last.data
  invariant(
    waiting.calldata === null || (await waiting.calldata()) === data,
    `the stored transaction of nonce ${nonce} is not that of ${describeCall(waiting.key)}`,
  )
  const call = { chainId, nonce, to, data, gasLimit, ...decision.fees }
  // Nodes would take none that it cannot pay for, and the last one would no longer be sent.
  if ((await client.reads.getBalance({ address: signer.address })) < gasLimit * offeredPerGas(call)) {
    await alarmUnderfunded(turn)
    return null
  }
  const raw = await signCall(signer, call)
  await batcher.step("signed")
  const isSaved = await saveReplacement(batcher.db, {
    signer: desk.signer,
    lease: desk.lease,
    key: waiting.key,
    call,
    raw,
    savedAt: batcher.now(),
    replaces: newest.attempt,
    isCancellation: data === cancelCalldata,
  })
  if (!isSaved) return null
  await batcher.step("replaced")
  await clearAlarm(batcher.db, "nonce_at_fee_cap", nonceSubject(turn, turn.signer.address, nonce))
  batcher.logger.warn(
    { nonce: nonce.toString(), replaced: newest.hash, attempt: newest.attempt + 1, waitedMs },
    isExchange
      ? "a transaction is replaced by one that takes its batch's id out of use"
      : "a transaction that no block took is replaced by one with higher fees",
  )
  return keccak256(raw)
}

/** Whether the newest bytes of the nonce may be sent though its batch is being cancelled: they do that, or nothing at all. */
async function isHarmless(turn: DeskTurn, nonce: bigint, cancelCalldata: Hex): Promise<boolean> {
  return mayBeSent(turn, (await readNewest(turn.batcher.db, turn.desk.signer, nonce)).raw, cancelCalldata)
}

export function mayBeSent({ desk }: DeskTurn, raw: Hex, cancelCalldata: Hex | null): boolean {
  if (cancelCalldata === null) return true
  const { to, data } = readSigned(raw)
  return data === cancelCalldata || to === desk.signer.address
}

/** The alarm goes when the nonce is mined, or when it gets another transaction all the same. */
async function noteRefusal(
  turn: DeskTurn,
  nonce: bigint,
  decision: Extract<RaiseDecision, { refused: string }>,
): Promise<void> {
  switch (decision.refused) {
    // Whoever has to know is told that the nonce is stuck.
    case "OUTBIDS_MARKET":
      return
    case "MARKET_ABOVE_MAX_FEE":
    case "RAISE_ABOVE_MAX_FEE": {
      const { desk, batcher } = turn
      const why =
        decision.refused === "MARKET_ABOVE_MAX_FEE"
          ? "the chain asks for more than max_fee"
          : `a replacement would have to offer ${decision.raisedPerGas} wei per gas`
      const message = `nonce ${nonce} of signer ${desk.signer.address} on chain ${desk.signer.chainId} waits for a block and is not replaced: ${why}, max_fee is ${decision.maxFeePerGas}`
      await raiseAlarm(batcher.db, {
        kind: "nonce_at_fee_cap",
        subject: nonceSubject(turn, turn.signer.address, nonce),
        ledgerId: null,
        message,
      })
      return
    }
    default:
      return unreachable(decision)
  }
}

/** What alarms about a nonce are about. */
export function nonceSubject({ desk }: DeskTurn, signer: string, nonce: bigint): string {
  return `nonce:${desk.signer.chainId}:${signer}:${nonce}`
}
