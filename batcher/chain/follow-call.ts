import { sql } from "kysely"
import { type Hex, TransactionReceiptNotFoundError } from "viem"
import { clearAlarm, raiseAlarm } from "../../ledger/store/alarms.ts"
import { invariant } from "../../platform/errors.ts"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import { canMove } from "../domain/call-state.ts"
import { markBatchesMined } from "../store/batch-moves.ts"
import { describeCall } from "../store/call-key.ts"
import {
  type MinedReceipt,
  markMined,
  markUnmined,
  noteFailure,
  spendNonceInVain,
} from "../store/call-moves.ts"
import { isUnguarded, type OpenBatch, type OpenCall } from "../store/open-call.ts"
import { readSignedNonces, type SpentProof } from "../store/spent-nonces.ts"
import { isUntold } from "../store/untold.ts"
import { alarmFailing, alarmForeign, logOf } from "./call-alarms.ts"
import { calldataOf, cancelCalldataOf } from "./calldata-of.ts"
import { type DeskTurn, finalBlock, retryAtAfterFailure, strategyOf } from "./desk-turn.ts"
import { noteWaiting, stopAfterFailures } from "./fail-call.ts"
import { describeDoubt, findConsumer } from "./find-consumer.ts"
import { areEarlierNoncesSpent, parseReceipt, proveSpent } from "./prove-spent.ts"
import { nonceSubject, replaceIfDue } from "./replace-transaction.ts"
import { sendCall } from "./send-call.ts"

export type Receipt = MinedReceipt & { readonly isReverted: boolean }
type RevertedReceipt = Pick<Receipt, "hash" | "blockNumber" | "blockHash">

/** The receipt of a transaction; null while it is in no block that the endpoint knows. @throws ChainBridgeError RPC_UNAVAILABLE */
export async function readReceipt(client: ChainClient, hash: Hex): Promise<Receipt | null> {
  try {
    const receipt = await client.reads.getTransactionReceipt({ hash })
    return {
      hash,
      blockNumber: receipt.blockNumber,
      blockHash: receipt.blockHash.toLowerCase(),
      gasUsed: receipt.gasUsed,
      effectiveGasPrice: receipt.effectiveGasPrice,
      // Every call of ours logs something. One that ran on an address without a contract, while the chain had lost it, did nothing, whatever its status says.
      isReverted: receipt.status === "reverted" || receipt.logs.length === 0,
    }
  } catch (error) {
    if (error instanceof TransactionReceiptNotFoundError) return null
    throw error
  }
}

/** Any of the transactions of a nonce may be the one that was mined. */
export async function readReceiptOf(client: ChainClient, hashes: readonly Hex[]): Promise<Receipt | null> {
  for (const hash of hashes) {
    const receipt = await readReceipt(client, hash)
    if (receipt !== null) return receipt
  }
  return null
}

/** Looks after a call whose transaction is saved: mined, not mined any more, reverted, or to be sent again. */
export async function followCall(turn: DeskTurn, call: OpenCall, receipt: Receipt | null): Promise<void> {
  const { batcher, desk } = turn
  if (receipt === null) return followUnmined(turn, call)
  if (receipt.isReverted) return followReverted(turn, call, receipt)
  if (call.state === "mined" && call.blockHash === receipt.blockHash) return alarmIfUntold(turn, call)
  const { nonce } = call
  invariant(nonce !== null, "a call that is followed has a nonce")
  const subject = nonceSubject(turn, nonce.signer, nonce.value)
  await batcher.step("mined")
  if (!(await markMined(desk, call, receipt, batcher.now()))) return
  for (const kind of ["stuck_nonce", "nonce_at_fee_cap"] as const) await clearAlarm(batcher.db, kind, subject)
  batcher.logger.info({ ...logOf(call), hash: receipt.hash, block: receipt.blockNumber.toString() }, "mined")
}

/**
 * Marks all batches in one commit that have a receipt for the first time, of a transaction that did what it was for.
 * @returns those that nothing else is to be done for in this turn
 */
export async function noteMined(
  turn: DeskTurn,
  receipts: ReadonlyMap<OpenCall, Receipt>,
): Promise<ReadonlySet<OpenCall>> {
  const { batcher, desk } = turn
  const mined = new Map<string, OpenCall>()
  const batches: (OpenBatch & { readonly receipt: Receipt })[] = []
  const subjects: string[] = []
  for (const [call, receipt] of receipts) {
    if (call.kind !== "batch" || call.state === "mined" || receipt.isReverted || call.nonce === null) continue
    if (!canMove(call.state, "mined")) continue
    await batcher.step("mined")
    mined.set(call.batchId, call)
    batches.push({ ...call, receipt })
    subjects.push(nonceSubject(turn, call.nonce.signer, call.nonce.value))
  }
  if (batches.length === 0) return new Set()
  const moved = await markBatchesMined(desk, batches, batcher.now())
  await sql`
    UPDATE registry.alarms SET cleared_at = now()
    WHERE kind IN ('stuck_nonce', 'nonce_at_fee_cap') AND subject = ANY(${subjects}) AND cleared_at IS NULL`.execute(
    batcher.db,
  )
  for (const { receipt, ...batch } of batches)
    batcher.logger.info(
      { ...logOf(batch), hash: receipt.hash, block: receipt.blockNumber.toString() },
      "mined",
    )
  return new Set(moved.flatMap(({ batchId }) => mined.get(batchId) ?? []))
}

async function followUnmined(turn: DeskTurn, call: OpenCall): Promise<void> {
  const { batcher, desk } = turn
  let current: OpenCall = call
  if (call.state === "mined") {
    if (!(await markUnmined(desk, call))) return
    batcher.logger.warn({ ...logOf(call) }, `the block of ${describeCall(call)} is gone; it is sent again`)
    const unsent = { sentAt: null, waitingSince: null, sentFirstAt: null }
    current = { ...call, ...unsent, state: "broadcast", blockNumber: null, blockHash: null }
  }
  const { nonce } = current
  invariant(nonce !== null, "a call that is followed has a nonce")
  if (isUnguarded(current) && !(await areEarlierNoncesSpent(turn, current))) return
  const replacement = await replaceIfDue(turn, {
    signer: nonce.signer,
    nonce: nonce.value,
    key: current,
    bufferPercent: strategyOf(current).feeBufferPercent,
    calldata: () => calldataOf(batcher.db, current),
    cancelCalldata: cancelCalldataOf(current),
    hashes: current.hashes,
    waitingSince: current.waitingSince,
  })
  // The bytes that are sent are the newest, and these were sent to nobody yet.
  if (replacement !== null)
    current = { ...current, hashes: [replacement, ...current.hashes], sentAt: null, retryAt: null }
  if (isDue(turn, current)) current = await sendCall(turn, current)
  if (await wasSpentByOthers(turn, current)) return
  await alarmIfStuck(turn, current)
}

function isDue({ batcher, isRecovery }: DeskTurn, call: OpenCall): boolean {
  const nowMs = batcher.now().getTime()
  if (isRecovery || call.sentAt === null) return true
  if (call.retryAt !== null) return call.retryAt.getTime() <= nowMs
  return call.sentAt.getTime() + batcher.limits.rebroadcastMs <= nowMs
}

/**
 * The nonce is used up past the confirmation depth and none of our transactions of it has a receipt: somebody else signs with our key. A batch gets another nonce once its
 * lane is resumed. A receipt may be kept from us, so all endpoints are asked for it, and nobody is accused as long as they do not agree, or show a transaction of ours. Should all of them keep it,
 * the contract refuses what it has seen.
 */
async function wasSpentByOthers(turn: DeskTurn, call: OpenCall): Promise<boolean> {
  const { batcher, desk, client, reads } = turn
  const { nonce } = call
  invariant(nonce !== null, "a call that is followed has a nonce")
  const signer = nonce.signer as Hex
  if ((await reads.latestCount(signer)) <= nonce.value) return false
  const finalCount = await reads.finalCount(signer)
  if (finalCount === null || finalCount <= nonce.value) return false
  if ((await readReceiptOf(client, call.hashes)) !== null) return false
  // It takes many questions, and was asked a moment ago.
  if (call.retryAt !== null && call.retryAt > batcher.now()) return true
  const doubt = await findOwnConsumer(turn, call, { signer, nonce: nonce.value })
  // The endpoint that was asked first keeps its receipt, and another one has it.
  if (doubt !== null && typeof doubt !== "string") {
    await followReverted(turn, call, doubt)
    return true
  }
  if (doubt !== null) {
    const message = `nonce ${nonce.value} is used up, and it is not known by what: ${doubt}`
    // Logs that are confirmed may tell at any moment.
    await noteWaiting(turn, call, message, retryAtAfterFailure(turn, call))
    return true
  }
  await alarmForeign(turn, `nonce ${nonce.value} was used by a transaction that is not ours`, signer)
  const proof = await proofFor(turn, call)
  if (proof === null) return true
  await spendNonceInVain(
    desk,
    { ...call, nonce },
    {
      at: batcher.now(),
      retryAt: retryAtAfterFailure(turn, call),
      message: `nonce ${nonce.value} was used by a foreign transaction`,
      ...proof,
    },
  )
  return true
}

/**
 * @returns the transaction of ours that used the nonce up and did nothing, as whoever has its receipt says; why it may have been one of ours that did something; null where all endpoints say that it was none
 */
async function findOwnConsumer(
  { client, ...turn }: DeskTurn,
  { hashes }: OpenCall,
  nonce: { readonly signer: Hex; readonly nonce: bigint },
): Promise<RevertedReceipt | string | null> {
  const through = finalBlock(turn)
  try {
    const reverted: RevertedReceipt[] = []
    for (const hash of hashes) {
      const receipts = await client.readEach("eth_getTransactionReceipt", [hash], parseReceipt)
      const found = receipts.filter((receipt) => receipt !== null)
      if (found.some(({ isReverted, hasLogs }) => !isReverted && hasLogs))
        return `transaction ${hash} is mined`
      if (found.length === 0) await client.readAgreed("eth_getTransactionReceipt", [hash], parseReceipt)
      reverted.push(...found.map((receipt) => ({ hash, ...receipt })))
    }
    const [first] = reverted
    if (first !== undefined) {
      const { hash, blockNumber, blockHash } = first
      // Of one nonce one transaction is mined, in one block, which is the chain's.
      if (reverted.some((other) => other.hash !== hash || other.blockHash !== blockHash))
        return "the endpoints have receipts that cannot be true together"
      if (blockNumber > through || (await client.canonicalBlock(blockNumber))?.hash !== blockHash)
        return `block ${blockNumber} with transaction ${hash} is not the chain's, or not final`
      return first
    }
  } catch (error) {
    const doubt = describeDoubt(error)
    if (doubt === null) throw error
    return doubt
  }
  const found = await findConsumer(client, { ...nonce, through })
  // Without the chain's older states nobody can show who it was; that it was none of ours, all of them have said.
  if ("unknown" in found || !hashes.includes(found.hash)) return null
  return `transaction ${found.hash} is ours and mined, and its receipt is not there`
}

/**
 * What has to be shown before a call gets another nonce. Where a contract refuses what it has seen, nothing; otherwise that nothing that was signed for this nonce can ever be mined.
 * @returns null where it cannot be shown: the call waits, and says why
 */
async function proofFor(turn: DeskTurn, call: OpenCall): Promise<{ proof?: SpentProof } | null> {
  if (!isUnguarded(call)) return {}
  const signed = await readSignedNonces(turn.batcher.db, call)
  const own = signed.find(({ signer, nonce }) => signer === call.nonce?.signer && nonce === call.nonce.value)
  invariant(own !== undefined, `${describeCall(call)} was signed with its nonce`)
  const proof = await proveSpent(turn, own)
  if (!("unproven" in proof)) return { proof }
  await noteFailure(turn.desk, call, {
    at: turn.batcher.now(),
    message: `nonce ${own.nonce} is not shown to be used up by something else: ${proof.unproven}`,
    retryAt: retryAtAfterFailure(turn, call),
    isCounted: false,
  })
  return null
}

/** The transaction ran and changed nothing. Its nonce is gone for good once its block is final; then the same call is made with another one. */
async function followReverted(turn: DeskTurn, call: OpenCall, receipt: RevertedReceipt): Promise<void> {
  const { batcher, desk, client } = turn
  const { nonce } = call
  invariant(nonce !== null, "a call that is followed has a nonce")
  // It was seen as mined in a block that is gone; in this one it failed.
  if (call.state === "mined" && !(await markUnmined(desk, call))) return
  if (receipt.blockNumber > finalBlock(turn)) return
  if ((await client.canonicalBlock(receipt.blockNumber))?.hash !== receipt.blockHash) return
  const current = call.state === "mined" ? ({ ...call, state: "broadcast" } as const) : call
  const proof = await proofFor(turn, current)
  if (proof === null) return
  const failures = call.failures + 1
  const message = `transaction ${receipt.hash} reverted in block ${receipt.blockNumber}, or did nothing`
  batcher.logger.warn(
    { ...logOf(call), failures, hash: receipt.hash },
    `${describeCall(call)} reverted on chain`,
  )
  await spendNonceInVain(
    desk,
    { ...current, nonce },
    {
      at: batcher.now(),
      retryAt: retryAtAfterFailure(turn, call),
      message,
      ...proof,
      also: (trx) => stopAfterFailures(trx, call, message, batcher.now()),
    },
  )
}

/** A node goes on saying that a call is in a block whose logs do not have it. */
async function alarmIfUntold({ batcher, desk }: DeskTurn, call: OpenCall): Promise<void> {
  if (!(await isUntold(batcher.db, desk.signer.chainId, call))) return
  const message = `${describeCall(call)} is in block ${call.blockNumber}, as an endpoint says, and not in that block's logs, as they were confirmed`
  await alarmFailing(batcher.db, call, message)
}

/** A nonce that is not mined holds up every later one of its signer. */
async function alarmIfStuck(turn: DeskTurn, call: OpenCall): Promise<void> {
  const { batcher } = turn
  const { nonce } = call
  invariant(nonce !== null, "a call that is followed has a nonce")
  const ageMs = batcher.now().getTime() - nonce.reservedAt.getTime()
  if (ageMs < strategyOf(call).pendingAlarmMs) return
  await raiseAlarm(batcher.db, {
    kind: "stuck_nonce",
    subject: nonceSubject(turn, nonce.signer, nonce.value),
    ledgerId: null,
    message: `nonce ${nonce.value} of signer ${nonce.signer} is not mined after ${Math.round(ageMs / 1000)} s; later transactions wait behind it`,
  })
}
