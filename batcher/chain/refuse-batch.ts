import { erc20Abi, type Hex } from "viem"
import { encodeCancel } from "../../ledger/domain/encode-cancel.ts"
import { decodeDeltas, encodeDeltas } from "../../ledger/domain/packed-deltas.ts"
import { requestCancellation } from "../../ledger/store/request-cancellation.ts"
import { isolateRefused } from "../domain/isolate-refused.ts"
import { describeCall } from "../store/call-key.ts"
import { dissolveBatch, maySignedBatchBeMined } from "../store/dissolve-batch.ts"
import { requireSigner } from "../store/leases.ts"
import { readDeltas } from "../store/open-batches.ts"
import { isUnguarded, type OpenBatch } from "../store/open-call.ts"
import { logOf } from "./call-alarms.ts"
import { calldataOf } from "./calldata-of.ts"
import { type DeskTurn, strategyOf } from "./desk-turn.ts"
import { encodeBatch, encodeProbes } from "./encode-batch.ts"
import { simulateCall } from "./simulate-call.ts"

// Of five hundred recipients some twenty refused ones are found with these; the rest when the others are simulated again.
const questionsMax = 200
const reasonLengthMax = 500

/**
 * A batch of which nothing can be mined is refused by its token: the accounts that it is refused for are looked for by simulating parts of it. They become dead letters, and the others are sealed
 * anew without them.
 * @returns false where it is not for single accounts: the token refuses everything, or only all of them together; or something of the batch may be mined
 * @throws ChainBridgeError RPC_UNAVAILABLE, LEASE_LOST, BATCH_ALTERED
 */
export async function refuseBatch(turn: DeskTurn, call: OpenBatch): Promise<boolean> {
  const { batcher, client, desk } = turn
  if (await maySignedBatchBeMined(batcher.db, call)) return false
  let isNobodys = false
  const refuseCall = async (data: Hex): Promise<string | null> => {
    // Nothing that is asked then will be believed.
    if (isNobodys) return null
    const refusal = await simulateRefusal(turn, call, data)
    isNobodys = refusal?.isNobodys === true
    return refusal?.reason ?? null
  }
  const balanceOf = (address: Hex) =>
    client.reads.readContract({
      address: call.to,
      abi: erc20Abi,
      functionName: "balanceOf",
      args: [address],
      blockTag: "pending",
    })
  const refuse = (deltas: readonly Delta[]) => refuseCall(encodeBatch(call, encodeDeltas(deltas)))
  const isForEverybody = () => isRefusedForEverybody(turn, call)
  if (await isForEverybody()) return false
  const deltas = decodeDeltas(await readDeltas(batcher.db, call))
  const refused = await isolateRefused(deltas, refuse, questionsMax)
  const [first] = refused
  // It may have become so while we asked.
  if (first === undefined || (await isForEverybody()) || isNobodys) return false
  const isDissolved = await dissolveBatch(desk, call, {
    refused: await Promise.all(
      refused.map(async ({ item, reason }) => ({
        address: item.address,
        reason: reason.slice(0, reasonLengthMax),
        isUnfunded: isUnguarded(call) && item.amount < 0n && (await balanceOf(item.address)) < -item.amount,
      })),
    ),
    deferralsMax: strategyOf(call).retriesMax,
    // Counted from a head that one endpoint makes up, what is deferred would wait for a block that is far away.
    head: await turn.client.headNumber(),
    at: batcher.now(),
  })
  if (isDissolved)
    batcher.logger.warn(
      { ...logOf(call), refused: refused.length, reason: first.reason },
      `${describeCall(call)} is taken apart: the token refuses accounts of it`,
    )
  return isDissolved
}

/**
 * A batch that was signed is not taken apart, and after its last retry it has its id taken out of use instead: when the chain says so, its changes are folded anew, and the accounts that it is
 * refused for can be found. Not where the token refuses everybody, or would refuse this too: then waiting helps, and a person is told. Nobody can take the request back.
 * @returns false where it is not for the batch, or not its last retry
 */
export async function cancelHopeless(turn: DeskTurn, call: OpenBatch, reason: string): Promise<boolean> {
  const { batcher, desk } = turn
  if (call.failures + 1 < strategyOf(call).retriesMax) return false
  if (!(await maySignedBatchBeMined(batcher.db, call)) || (await isRefusedForEverybody(turn, call)))
    return false
  // In this order: a token that takes the batch by now was only stopped while it was asked.
  const refusal = await simulateRefusal(turn, call, await calldataOf(batcher.db, call))
  if (refusal === null || refusal.isNobodys || !(await canBeCancelled(turn, call))) return false
  const requested = await batcher.db.transaction().execute(async (trx) => {
    await requireSigner(trx, desk.signer, desk.lease)
    return requestCancellation(trx, {
      ...{ ledgerId: call.ledgerId, batchId: call.batchId, at: batcher.now() },
      ...{
        requestedBy: "batcher",
        reason: `refused after ${call.failures + 1} attempts: ${reason}`.slice(0, reasonLengthMax),
      },
    })
  })
  if ("refused" in requested) return false
  batcher.logger.warn(
    { ...logOf(call), reason },
    `${describeCall(call)} is being cancelled: it can never be settled as it is`,
  )
  return true
}

/** A token that knows batch ids need not let us take one out of use. */
async function canBeCancelled(turn: DeskTurn, call: OpenBatch): Promise<boolean> {
  const simulation = await simulateCall(
    turn.client,
    { from: turn.signer.address, to: call.to, data: encodeCancel(call.batchId) },
    turn.gasMax,
  )
  return simulation.outcome === "runs"
}

type Delta = ReturnType<typeof decodeDeltas>[number]

/** What the signer himself would not get either is not refused for somebody's account: the token is paused, or our role is gone. */
async function isRefusedForEverybody(turn: DeskTurn, call: OpenBatch): Promise<boolean> {
  for (const probe of encodeProbes(call, turn.signer.address))
    if ((await simulateRefusal(turn, call, probe)) === null) return false
  return true
}

type CallRefusal = {
  readonly reason: string
  /** The contract says so itself: money has left the treasury, or the token began to keep a share. */
  readonly isNobodys: boolean
}

/** @returns why the call is refused; null where it is not */
async function simulateRefusal(turn: DeskTurn, call: OpenBatch, data: Hex): Promise<CallRefusal | null> {
  const { client, signer } = turn
  // Many questions take longer than a lease.
  await turn.renewLease()
  const simulation = await simulateCall(client, { from: signer.address, to: call.to, data }, turn.gasMax)
  if (simulation.outcome === "treasury_too_low")
    return { reason: "the treasury holds too little", isNobodys: true }
  // Whatever else it is, it is not these accounts.
  if (simulation.outcome !== "reverts") return null
  return { reason: simulation.reason, isNobodys: simulation.isForEverybody === true }
}
