import type { Hex } from "viem"
import { type Fees, type OfferDecision, offerFor, raiseFees } from "../domain/fees.ts"
import { gasLimitFor } from "../domain/gas-limit.ts"
import { replacementDelayMs } from "../domain/replacement-delay.ts"
import { type LostNonce, loadLostNonces, saveFiller } from "../store/lost-nonces.ts"
import { type DeskTurn, fallbackStrategy, finalBlock } from "./desk-turn.ts"
import { readSigned, signCall } from "./sign-call.ts"

// Each is one transaction of 21,000 gas. The rest has its turn when these are mined.
const lostMax = 50

/**
 * A chain that lost blocks may have lost transactions of the signer which we never made: those from before it was ours. Nobody sends them again, and all of ours wait behind their
 * nonces, so each gets a transaction that does nothing. Whoever made them has as long as a replacement waits to bring them back; and most endpoints have to agree that the
 * nonces are unused past the confirmation depth.
 * @param latestCount the signer's transactions in the newest block
 */
export function createLostNonceFiller(): (turn: DeskTurn, latestCount: bigint) => Promise<void> {
  // A new process waits anew.
  let lostSinceMs: number | null = null

  return async (turn, latestCount) => {
    const { batcher, client, desk, policy } = turn
    const { address } = desk.signer
    const lost = await loadLostNonces(batcher.db, desk.signer, latestCount, lostMax)
    if (lost.length === 0) {
      lostSinceMs = null
      return
    }
    const nowMs = batcher.now().getTime()
    lostSinceMs ??= nowMs
    if (nowMs - lostSinceMs < policy.replaceAfterMs) return
    const blockNumber = finalBlock(turn)
    const used = await client.transactionCountAt(address as Hex, blockNumber)
    for (const each of lost) {
      if (each.nonce < used) continue
      const raw = await chooseBytes(turn, each)
      if (raw === null) return
      // Whatever the answers are: the count tells when the nonce is used, and until then the bytes are sent with every look at it.
      await client.broadcast(raw)
    }
  }
}

/** The newest saved bytes, or newer ones when those have waited too long. @returns null while the chain asks for more than may be offered */
async function chooseBytes(turn: DeskTurn, { nonce, newest }: LostNonce): Promise<Hex | null> {
  const { batcher, policy } = turn
  const market = await turn.reads.market()
  const limits = { bufferPercent: fallbackStrategy.feeBufferPercent, maxFeePerGas: policy.maxFeePerGas }
  if (newest === null) return signFiller(turn, { nonce, attempt: 1 }, offerFor(market, limits))
  const waitedMs = batcher.now().getTime() - newest.savedAt.getTime()
  if (waitedMs < replacementDelayMs(policy, newest.attempt)) return newest.raw
  const decision = raiseFees(readSigned(newest.raw), market, limits)
  const attempt = newest.attempt + 1
  const raised = "fees" in decision ? await signFiller(turn, { nonce, attempt }, decision) : null
  return raised ?? newest.raw
}

async function signFiller(
  turn: DeskTurn,
  { nonce, attempt }: { readonly nonce: bigint; readonly attempt: number },
  decision: OfferDecision,
): Promise<Hex | null> {
  const { batcher, desk, client, signer } = turn
  if ("refused" in decision) return null
  const fees: Fees = decision.fees
  const estimated = await client.reads.estimateGas({ account: signer.address, to: signer.address })
  const raw = await signCall(signer, {
    ...{ chainId: desk.signer.chainId, nonce, to: signer.address, data: "0x" },
    gasLimit: gasLimitFor(estimated, 0, turn.gasMax),
    ...fees,
  })
  const key = { signer: desk.signer, lease: desk.lease, nonce, attempt }
  if (!(await saveFiller(batcher.db, { ...key, raw, savedAt: batcher.now() }))) return null
  batcher.logger.warn(
    { nonce: nonce.toString(), attempt },
    "a nonce from before the signer was ours, which the chain has lost, is filled with a transaction that does nothing",
  )
  return raw
}
