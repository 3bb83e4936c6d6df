import { type Hex, keccak256 } from "viem"
import { raiseAlarm } from "../../ledger/store/alarms.ts"
import { invariant, unreachable } from "../../platform/errors.ts"
import { type Fees, offerFor } from "../domain/fees.ts"
import { gasLimitFor } from "../domain/gas-limit.ts"
import { markSimulated, noteFailure } from "../store/call-moves.ts"
import { isUnguarded, type OpenCall } from "../store/open-call.ts"
import { reserveNonce } from "../store/signers.ts"
import { saveTransaction } from "../store/transactions.ts"
import { alarmUnderfunded } from "./call-alarms.ts"
import { calldataOf } from "./calldata-of.ts"
import { type DeskTurn, retryAtAfterFailure, strategyOf } from "./desk-turn.ts"
import { failCall } from "./fail-call.ts"
import { areEarlierNoncesSpent } from "./prove-spent.ts"
import { cancelHopeless, refuseBatch } from "./refuse-batch.ts"
import { sendCall } from "./send-call.ts"
import { signCall } from "./sign-call.ts"
import { simulateCall } from "./simulate-call.ts"
import { stopForEverybody, waitForTreasury } from "./treasury-refusals.ts"

/**
 * Takes a batch or an anchor from wherever the database says it is to its transaction being sent: simulate, reserve, sign, save, send. Recovery is this same function.
 * @returns whether the call holds a nonce now
 */
export async function advanceCall(turn: DeskTurn, start: OpenCall): Promise<boolean> {
  let call: OpenCall | null = start
  if (isUnguarded(call) && !(await areEarlierNoncesSpent(turn, call))) return call.nonce !== null
  // A simulation of an earlier turn is out of date by now; a nonce that is reserved has to be used.
  if (call.nonce === null) {
    // A nonce that is taken before the chain takes what we may offer would keep every later one waiting.
    if ((await offer(turn, call)) === null) return false
    call = await simulate(turn, call)
    if (call === null) return false
    call = await reserve(turn, call)
  }
  if (call.state === "simulated") call = await signAndSave(turn, call)
  if (call?.state === "signed") await sendCall(turn, call)
  return true
}

/** @returns null while the chain asks for more than may be offered: the call waits, and says why. Nothing is wrong with it. */
async function offer(turn: DeskTurn, call: OpenCall): Promise<Fees | null> {
  const { batcher, desk, policy } = turn
  const bufferPercent = strategyOf(call).feeBufferPercent
  const { maxFeePerGas } = policy
  const decision = offerFor(await turn.reads.market(), { bufferPercent, maxFeePerGas })
  if ("fees" in decision) return decision.fees
  const message = `the chain asks for ${decision.marketPerGas} wei per gas, max_fee is ${decision.maxFeePerGas}`
  turn.feeWatch.note(message)
  const retryAt = new Date(batcher.now().getTime() + batcher.limits.rebroadcastMs)
  await noteFailure(desk, call, { message, retryAt, isCounted: false })
  return null
}

async function simulate(turn: DeskTurn, call: OpenCall): Promise<OpenCall | null> {
  const { batcher, desk, client, signer } = turn
  const data = await calldataOf(batcher.db, call)
  const simulation = await simulateCall(client, { from: signer.address, to: call.to, data }, turn.gasMax)
  switch (simulation.outcome) {
    case "runs": {
      const gas = {
        estimated: simulation.estimatedGas,
        limit: gasLimitFor(simulation.estimatedGas, call.kind === "batch" ? call.recipients : 0, turn.gasMax),
      }
      if (!(await markSimulated(desk, call, gas))) return null
      await batcher.step("simulated")
      return {
        ...call,
        state: "simulated",
        gasLimit: gas.limit,
      }
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

/** Another transaction did it: the logs will tell, and a failure of ours it is not. Of a batch somebody has to know; the same root is the same root whoever anchors it. */
async function noteDone(turn: DeskTurn, call: OpenCall): Promise<void> {
  const what = call.kind === "batch" ? "the token has seen this batch" : "the contract has this root"
  await noteFailure(turn.desk, call, {
    message: `${what} already; waiting for its logs`,
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

async function noteUnderfunded(turn: DeskTurn, call: OpenCall): Promise<void> {
  const message = "the signer cannot pay for gas"
  // For an anchor no lane is stopped: the first batch will do that, if it finds the same.
  if (call.kind === "anchor") return failCall(turn, call, message)
  const retryAt = retryAtAfterFailure(turn, call)
  await noteFailure(turn.desk, call, { message, retryAt, isCounted: false })
  await alarmUnderfunded(turn)
}

async function reserve(turn: DeskTurn, call: OpenCall): Promise<OpenCall> {
  const { batcher, desk, signer } = turn
  const reservedAt = batcher.now()
  const value = await reserveNonce(batcher.db, {
    signer: desk.signer,
    lease: desk.lease,
    key: call,
    reservedAt,
  })
  await batcher.step("reserved")
  return { ...call, nonce: { signer: signer.address, value, reservedAt } }
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
  const isSaved = await saveTransaction(batcher.db, {
    signer: desk.signer,
    lease: desk.lease,
    key: call,
    call: transaction,
    isCancellation: call.kind === "batch" && call.isCancelling,
    raw,
    savedAt: batcher.now(),
  })
  // The nonce has bytes already, from a save whose answer we lost: the next turn finds and sends those.
  if (!isSaved) return null
  await batcher.step("saved")
  return { ...call, state: "signed", hashes: [keccak256(raw)] }
}
