import { type Hex, keccak256, numberToHex } from "viem"
import { z } from "zod"
import { raiseAlarm } from "../../ledger/store/alarms.ts"
import { describeCall } from "../store/call-key.ts"
import { noteFailure } from "../store/call-moves.ts"
import type { OpenBatch } from "../store/open-call.ts"
import { readSignedNonces, renewProof, type SignedNonce, type SpentProof } from "../store/spent-nonces.ts"
import { type DeskTurn, retryAtAfterFailure } from "./desk-turn.ts"
import { describeDoubt, findConsumer } from "./find-consumer.ts"

const hex = z
  .string()
  .regex(/^0x[0-9a-fA-F]*$/)
  .transform((text) => text.toLowerCase() as Hex)
const quantity = hex.transform((text) => BigInt(text))
const receiptSchema = z
  .object({ blockNumber: quantity, blockHash: hex, status: quantity, logs: z.array(z.unknown()) })
  .transform(({ status, logs, ...block }) => ({
    ...block,
    isReverted: status === 0n,
    hasLogs: logs.length > 0,
  }))
  .nullable()

/** Where an endpoint has a transaction, and what became of it. @throws z.ZodError */
export const parseReceipt = (answer: unknown) => receiptSchema.parse(answer)

/**
 * Shows that a nonce was used up, in a block that the chain will not take back, by something that did not make its call: a reverted transaction of ours, one that does nothing, or a foreign one. Then
 * nothing that was ever signed for the nonce can be mined. All endpoints have to say the same; a foreign transaction has to be signed by our key. As long as one of these is
 * missing, the nonce may still make the call.
 */
export async function proveSpent(
  turn: DeskTurn,
  { signer, nonce, transactions, target, calldataHash }: Omit<SignedNonce, "proof">,
): Promise<SpentProof | { readonly unproven: string }> {
  const { client } = turn
  try {
    const through = await turn.reads.finalizedBlock()
    for (const { hash, isNoOp } of transactions) {
      const receipt = await client.readAgreed("eth_getTransactionReceipt", [hash], parseReceipt)
      if (receipt === null) continue
      const { blockNumber, blockHash, isReverted, hasLogs } = receipt
      if (!isReverted && !isNoOp && (hasLogs || (await hadContract(turn, target, blockNumber))))
        return { unproven: `transaction ${hash} made the call` }
      if (blockNumber > through)
        return {
          unproven: `block ${blockNumber} with transaction ${hash} is not final; ${through} is`,
        }
      if ((await client.canonicalBlock(blockNumber))?.hash !== blockHash)
        return { unproven: `block ${blockNumber} with transaction ${hash} is not the chain's` }
      return { hash, blockNumber, blockHash }
    }
    const found = await findConsumer(client, { signer, nonce, through })
    if ("unknown" in found) return { unproven: found.unknown }
    if (transactions.some(({ hash }) => hash === found.hash))
      return { unproven: `transaction ${found.hash} is mined, and its receipt is not there` }
    // Signed by our key and not in our database: by a program that has another one, such as an older copy.
    if (found.to === target && keccak256(found.data) === calldataHash)
      return { unproven: `transaction ${found.hash}, which is not in the database, makes the very same call` }
    return { hash: found.hash, blockNumber: found.blockNumber, blockHash: found.blockHash }
  } catch (error) {
    const unproven = describeDoubt(error)
    if (unproven === null) throw error
    return { unproven }
  }
}

/** A call to an address without a contract succeeds and does nothing. One that a contract took without a word may have done anything. */
function hadContract({ client }: DeskTurn, target: Hex, blockNumber: bigint): Promise<boolean> {
  return client.readAgreed(
    "eth_getCode",
    [target, numberToHex(blockNumber)],
    (code) => hex.parse(code) !== "0x",
  )
}

/**
 * Before a call without a guard is signed or sent, each nonce that it had before has to be used up for good, now: a reorganisation may have taken the block that showed it. Then the batch waits, because
 * what was signed for the old nonce is known to nodes and may be mined after all.
 * @returns whether the batch may go on
 * @throws ChainBridgeError LEASE_LOST
 */
export async function areEarlierNoncesSpent(turn: DeskTurn, call: OpenBatch): Promise<boolean> {
  const { batcher, desk } = turn
  for (const earlier of await readSignedNonces(batcher.db, call)) {
    if (earlier.nonce === call.nonce?.value && earlier.signer === call.nonce.signer) continue
    const { proof, nonce } = earlier
    if (proof !== null && (await isCanonical(turn, proof))) continue
    const again = await proveSpent(turn, earlier)
    if (!("unproven" in again)) {
      await renewProof(desk, earlier, again)
      continue
    }
    const message = `${describeCall(call)} waits: it was signed with nonce ${nonce} before, and that is not shown to be used up by something else (${again.unproven})`
    await raiseAlarm(batcher.db, {
      kind: "batch_failing",
      subject: `batch:${call.batchId}`,
      ledgerId: call.ledgerId,
      message,
    })
    await noteFailure(desk, call, {
      message,
      at: batcher.now(),
      retryAt: retryAtAfterFailure(turn, call),
      isCounted: false,
    })
    return false
  }
  return true
}

async function isCanonical({ client }: DeskTurn, { blockNumber, blockHash }: SpentProof): Promise<boolean> {
  try {
    return (await client.canonicalBlock(blockNumber))?.hash === blockHash
  } catch (error) {
    if (describeDoubt(error) === null) throw error
    return false
  }
}
