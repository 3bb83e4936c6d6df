import { type Hex, keccak256 } from "viem"
import { raiseAlarm } from "../../ledger/store/alarms.ts"
import { ChainBridgeError, invariant, unreachable } from "../../platform/errors.ts"
import { type Fees, offerFor } from "../domain/fees.ts"
import { gasLimitFor } from "../domain/gas-limit.ts"
import { noteFailure } from "../store/call-moves.ts"
import { isUnguarded, type OpenCall } from "../store/open-call.ts"
import { saveTransactions } from "../store/transactions.ts"
import { alarmUnderfunded } from "./call-alarms.ts"
import { calldataOf } from "./calldata-of.ts"
import { type DeskTurn, retryAtAfterFailure, strategyOf } from "./desk-turn.ts"
import { failCall, noteWaiting } from "./fail-call.ts"
import { areEarlierNoncesSpent } from "./prove-spent.ts"
import { cancelHopeless, refuseBatch } from "./refuse-batch.ts"
import { sendCall } from "./send-call.ts"
import { signCall } from "./sign-call.ts"
import { simulateCall } from "./simulate-call.ts"
import { stopForEverybody, waitForTreasury } from "./treasury-refusals.ts"

/** Takes a batch or an anchor that has a nonce from wherever the database says it is to its transaction being sent: sign, save, send. Recovery is this same function. */
export async function advanceCall(turn: DeskTurn, start: OpenCall): Promise<void> {
  let call: OpenCall | null = start
  if (isUnguarded(call) && !(await areEarlierNoncesSpent(turn, call))) return
  if (call.state === "simulated") call = await signAndSave(turn, call)
  if (call?.state === "signed") await sendCall(turn, call)
}

/** @returns null while the chain asks for more than may be offered: the call waits, and says why. Nothing is wrong with it. */
export async function offer(turn: DeskTurn, call: OpenCall): Promise<Fees | null> {
  const { batcher, desk, policy } = turn
  const bufferPercent = strategyOf(call).feeBufferPercent
  const { maxFeePerGas } = policy
  const decision = offerFor(await turn.reads.market(), { bufferPercent, maxFeePerGas })
  if ("fees" in decision) return decision.fees
  const message = `the chain asks for ${decision.marketPerGas} wei per gas, max_fee is ${decision.maxFeePerGas}`
  turn.feeWatch.note(message)
  const retryAt = new Date(batcher.now().getTime() + batcher.limits.rebroadcastMs)
  await noteFailure(desk, call, { message, at: batcher.now(), retryAt, isCounted: false })
  return null
}

/** What a call that has no nonce would do, and what it may use. What is wrong with it is noted. @returns null where it gets no nonce now */
export async function simulate(turn: DeskTurn, call: OpenCall): Promise<Simulated | null> {
  try {
    return await judge(turn, call)
  } catch (error) {
    if (!(error instanceof ChainBridgeError && error.code === "NOT_SIMULATED")) throw error
    // It may be the node's trouble or the contract's, and nobody else's calls wait until that is known.
    const { limits, now } = turn.batcher
    await noteWaiting(turn, call, error.message, new Date(now().getTime() + limits.rebroadcastMs))
    return null
  }
}

async function judge(turn: DeskTurn, call: OpenCall): Promise<Simulated | null> {
  const { batcher, client, signer } = turn
  if (isUnguarded(call) && !(await areEarlierNoncesSpent(turn, call))) return null
  const data = await calldataOf(batcher.db, call)
  const simulation = await simulateCall(client, { from: signer.address, to: call.to, data }, turn.gasMax)
  switch (simulation.outcome) {
    case "runs": {
      const { estimatedGas: estimated } = simulation
      const limit = gasLimitFor(estimated, call.kind === "batch" ? call.recipients : 0, turn.gasMax)
      return { data, gas: { estimated, limit } }
    }
    case "already_done":
      await noteDone(turn, call)
      return null
    case "treasury_too_low":
      await waitForTreasury(turn, call, simulation)
      return null
    case "reverts":
      if (simulation.isForEverybody === true) {
        await stopForEverybody(turn, call, simulation.reason)
        return null
      }
      if (await isWithoutRole(turn, call, simulation.reason)) return null
      if (call.kind === "batch" && !call.isCancelling) {
        if (await refuseBatch(turn, call)) return null
        if (await cancelHopeless(turn, call, simulation.reason)) return null
      }
      await failCall(turn, call, `the simulation reverts: ${simulation.reason}`)
      return null
    case "underfunded":
      await noteUnderfunded(turn, call)
      return null
    default:
      return unreachable(simulation)
  }
}

export type Simulated = {
  readonly data: Hex
  readonly gas: { readonly estimated: bigint; readonly limit: bigint }
}

/** The signer's role was taken away since it was last looked for: the batch is somebody else's, and has done nothing wrong. */
async function isWithoutRole(turn: DeskTurn, call: OpenCall, reason: string): Promise<boolean> {
  if (call.kind !== "batch" || !reason.startsWith("AccessControlUnauthorizedAccount(")) return false
  turn.roles.doubt(call.tokenId)
  return !(await turn.roles.check(turn.standing)).includes(call.tokenId)
}

/** Another transaction did it: the logs will tell, and a failure of ours it is not. Of a batch somebody has to know; the same root is the same root whoever anchors it. */
async function noteDone(turn: DeskTurn, call: OpenCall): Promise<void> {
  const what = call.kind === "batch" ? "the token has seen this batch" : "the contract has this root"
  await noteFailure(turn.desk, call, {
    message: `${what} already; waiting for its logs`,
    at: turn.batcher.now(),
    retryAt: retryAtAfterFailure(turn, call),
    isCounted: false,
    also: async (trx) => {
      if (call.kind === "anchor") return
      await raiseAlarm(trx, {
        kind: "batch_used_elsewhere",
        subject: `batch:${call.batchId}`,
        ledgerId: call.ledgerId,
        message: `batch ${call.batchSequence} was settled or cancelled by a transaction that we do not know`,
      })
    },
  })
}

export async function noteUnderfunded(turn: DeskTurn, call: OpenCall): Promise<void> {
  const message = "the signer cannot pay for gas"
  // For an anchor no lane is stopped: the first batch will do that, if it finds the same.
  if (call.kind === "anchor") return failCall(turn, call, message)
  const retryAt = retryAtAfterFailure(turn, call)
  await noteFailure(turn.desk, call, { message, at: turn.batcher.now(), retryAt, isCounted: false })
  await alarmUnderfunded(turn)
}

async function signAndSave(turn: DeskTurn, call: OpenCall): Promise<OpenCall | null> {
  const { batcher, desk, signer } = turn
  invariant(call.nonce !== null && call.gasLimit !== null, "only what is simulated and has a nonce is signed")
  const fees = await offer(turn, call)
  if (fees === null) return null
  const transaction = {
    chainId: desk.signer.chainId,
    nonce: call.nonce.value,
    to: call.to,
    data: await calldataOf(batcher.db, call),
    gasLimit: call.gasLimit,
    ...fees,
  }
  const raw: Hex = await signCall(signer, transaction)
  await batcher.step("signed")
  const [isSaved] = await saveTransactions(desk, [
    {
      key: call,
      call: transaction,
      isCancellation: call.kind === "batch" && call.isCancelling,
      raw,
      savedAt: batcher.now(),
    },
  ])
  // The nonce has bytes already, from a save whose answer we lost: the next turn finds and sends those.
  if (isSaved !== true) return null
  await batcher.step("saved")
  return { ...call, state: "signed", hashes: [keccak256(raw)] }
}
