import { type Hex, keccak256 } from "viem"
import { raiseAlarm } from "../../ledger/store/alarms.ts"
import { invariant, unreachable } from "../../platform/errors.ts"
import { feesFrom } from "../domain/fees.ts"
import { gasLimitFor } from "../domain/gas-limit.ts"
import { markSimulated, noteFailure } from "../store/batch-moves.ts"
import { type OpenBatch, readDeltas } from "../store/open-batches.ts"
import { reserveNonce } from "../store/signers.ts"
import { saveTransaction } from "../store/transactions.ts"
import { type DeskTurn, retryAtAfterFailure, strategyOf } from "./desk-turn.ts"
import { encodeSettle } from "./encode-settle.ts"
import { failBatch } from "./fail-batch.ts"
import { alarmUnderfunded, sendBatch } from "./send-batch.ts"
import { signCall } from "./sign-call.ts"
import { simulateSettle } from "./simulate-settle.ts"

/**
 * Takes a batch from wherever the database says it is to its transaction being sent: simulate, reserve, sign, save, send. Recovery is this same function.
 * @returns whether the batch holds a nonce now
 */
export async function advanceBatch(turn: DeskTurn, start: OpenBatch): Promise<boolean> {
  let batch: OpenBatch | null = start
  // A simulation of an earlier turn is out of date by now; a nonce that is reserved has to be used.
  if (batch.nonce === null) {
    batch = await simulate(turn, batch)
    if (batch === null) return false
    batch = await reserve(turn, batch)
  }
  if (batch.state === "simulated") batch = await signAndSave(turn, batch)
  if (batch?.state === "signed") await sendBatch(turn, batch)
  return true
}

async function simulate(turn: DeskTurn, batch: OpenBatch): Promise<OpenBatch | null> {
  const { batcher, desk, client, signer } = turn
  const deltas = await readDeltas(batcher.db, batch)
  const data = encodeSettle(batch.batchId, deltas)
  const simulation = await simulateSettle(client, { from: signer.address, to: batch.tokenAddress, data })
  switch (simulation.outcome) {
    case "runs": {
      const gas = {
        estimated: simulation.estimatedGas,
        limit: gasLimitFor(simulation.estimatedGas, batch.recipients),
      }
      if (!(await markSimulated(desk, batch, gas))) return null
      await batcher.step("simulated")
      return {
        ...batch,
        state: "simulated",
        gasLimit: gas.limit,
      }
    }
    case "already_used":
      // Another transaction did it, or the id was cancelled: the logs will tell, and a failure of ours it is not.
      await noteFailure(desk, batch, {
        message: "the token has seen this batch already; waiting for its logs",
        retryAt: retryAtAfterFailure(turn, batch),
        isCounted: false,
        also: (trx) =>
          raiseAlarm(trx, {
            kind: "batch_used_elsewhere",
            subject: `batch:${batch.batchId}`,
            message: `batch ${batch.batchSequence} was settled or cancelled by a transaction that we do not know`,
          }),
      })
      return null
    case "reverts":
      await failBatch(turn, batch, `the simulation reverts: ${simulation.reason}`)
      return null
    case "underfunded":
      await noteFailure(desk, batch, {
        message: "the signer cannot pay for gas",
        retryAt: retryAtAfterFailure(turn, batch),
        isCounted: false,
      })
      await alarmUnderfunded(turn)
      return null
    default:
      return unreachable(simulation)
  }
}

async function reserve(turn: DeskTurn, batch: OpenBatch): Promise<OpenBatch> {
  const { batcher, desk, signer } = turn
  const reservedAt = batcher.now()
  const value = await reserveNonce(batcher.db, {
    signer: desk.signer,
    lease: desk.lease,
    ledgerId: batch.ledgerId,
    batchSequence: batch.batchSequence,
    reservedAt,
  })
  await batcher.step("reserved")
  return { ...batch, nonce: { signer: signer.address, value, reservedAt } }
}

async function signAndSave(turn: DeskTurn, batch: OpenBatch): Promise<OpenBatch | null> {
  const { batcher, desk, signer } = turn
  invariant(batch.nonce !== null && batch.gasLimit !== null, "only a simulated batch with a nonce is signed")
  const fees = feesFrom(await turn.reads.feeHistory(), strategyOf(batch).feeBufferPercent)
  const call = {
    chainId: desk.signer.chainId,
    nonce: batch.nonce.value,
    to: batch.tokenAddress,
    data: encodeSettle(batch.batchId, await readDeltas(batcher.db, batch)),
    gasLimit: batch.gasLimit,
    ...fees,
  }
  const raw: Hex = await signCall(signer, call)
  await batcher.step("signed")
  const isSaved = await saveTransaction(batcher.db, {
    signer: desk.signer,
    lease: desk.lease,
    ledgerId: batch.ledgerId,
    batchSequence: batch.batchSequence,
    call,
    raw,
    savedAt: batcher.now(),
  })
  // The nonce has bytes already, from a save whose answer we lost: the next turn finds and sends those.
  if (!isSaved) return null
  await batcher.step("saved")
  return { ...batch, state: "signed", hashes: [keccak256(raw)] }
}
