import { encodeFunctionData, type Hex } from "viem"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import { treasuryAbi } from "../../abis/treasury.ts"
import type { BatchCall } from "../../ledger/domain/batch-calls.ts"
import { decodeDeltas, encodeDeltas } from "../../ledger/domain/packed-deltas.ts"
import { invariant, unreachable } from "../../platform/errors.ts"
import { encodeSettle } from "./encode-settle.ts"

/** What a batch's calldata depends on besides its deltas. None of it ever changes. */
type EncodedBatch = { readonly batchCall: BatchCall; readonly batchId: Hex; readonly tokenAddress: Hex }

/** The calldata of a batch: the same bytes for the same batch, always. */
export function encodeBatch({ batchCall, batchId, tokenAddress }: EncodedBatch, deltas: Hex): Hex {
  switch (batchCall) {
    case "settle":
      return encodeSettle(batchId, deltas)
    case "batch_mint":
      return encodeFunctionData({ abi: cpopTokenAbi, functionName: "batchMint", args: listsOf(deltas, 1n) })
    case "batch_burn":
      return encodeBurn(...listsOf(deltas, -1n))
    case "treasury_settle":
      listsOf(deltas, 1n)
      return encodeFunctionData({
        abi: treasuryAbi,
        functionName: "settle",
        args: [tokenAddress, BigInt(batchId), deltas],
      })
    default:
      return unreachable(batchCall)
  }
}

/**
 * Calls that a token refuses only for reasons that have nothing to do with anybody's account: it is paused, or our role is gone. Where there are several, each has tokens that know no such call, so
 * all of them have to be refused.
 */
export function encodeProbes(batch: EncodedBatch, signer: Hex): Hex[] {
  const { batchCall } = batch
  switch (batchCall) {
    case "settle":
    case "batch_mint":
    case "treasury_settle":
      return [encodeBatch(batch, encodeDeltas([{ address: signer, amount: 1n }]))]
    case "batch_burn":
      // Of nobody, and nothing of the signer, who need not hold anything.
      return [encodeBurn([], []), encodeBurn([signer], [0n])]
    default:
      return unreachable(batchCall)
  }
}

function encodeBurn(addresses: readonly Hex[], amounts: readonly bigint[]): Hex {
  return encodeFunctionData({ abi: cpopTokenAbi, functionName: "batchBurn", args: [addresses, amounts] })
}

function listsOf(deltas: Hex, sign: bigint): [Hex[], bigint[]] {
  const decoded = decodeDeltas(deltas)
  const amounts = decoded.map(({ amount }) => amount * sign)
  invariant(
    amounts.every((amount) => amount > 0n),
    "a batch of one kind has a delta of the other",
  )
  return [decoded.map(({ address }) => address), amounts]
}
