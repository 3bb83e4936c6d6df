import { decodeErrorResult, type Hex } from "viem"
import { z } from "zod"
import { auditAnchorAbi } from "../../abis/audit-anchor.ts"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import { treasuryAbi } from "../../abis/treasury.ts"
import { ChainBridgeError, causesOf } from "../../platform/errors.ts"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import { tellsOfExecution } from "../../platform/rpc/rpc-fault.ts"

export type Simulation =
  | { readonly outcome: "runs"; readonly estimatedGas: bigint }
  /** The contract has seen the very same: a batch's id that was settled or cancelled, or the checkpoint that is to be anchored. Only the chain's logs say which. */
  | { readonly outcome: "already_done" }
  | {
      readonly outcome: "reverts"
      readonly reason: string
      /** The contract itself says that it is for no single account, though it may show with some only: the token keeps a share of what is sent. */
      readonly isForEverybody?: true
    }
  /** The treasury holds less than the batch pays. Base units. */
  | { readonly outcome: "treasury_too_low"; readonly balance: bigint; readonly needed: bigint }
  | { readonly outcome: "underfunded" }

const quantity = z
  .string()
  .regex(/^0x[0-9a-fA-F]+$/)
  .transform((text) => BigInt(text))

/**
 * What the call would do on top of everything that waits in the nodes' pools, so that calls before it count.
 * @param gasMax see transactionGasMax
 * @throws ChainBridgeError RPC_UNAVAILABLE where no node has answered, NOT_SIMULATED where one gave up on this very call, in its own words
 */
export async function simulateCall(
  client: ChainClient,
  call: { readonly from: Hex; readonly to: Hex; readonly data: Hex },
  gasMax: bigint,
): Promise<Simulation> {
  try {
    // Without fees, so that the answer is about the call; whether the signer can pay is seen when it is sent.
    const answer = await client.reads.request({
      method: "eth_estimateGas",
      params: [{ from: call.from, to: call.to, data: call.data }, "pending"],
    })
    const estimatedGas = quantity.parse(answer)
    if (estimatedGas > gasMax)
      return { outcome: "reverts", reason: `needs ${estimatedGas} gas; a transaction may use ${gasMax}` }
    return { outcome: "runs", estimatedGas }
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal === null) throw error
    if (/insufficient ?funds/i.test(refusal.message)) return { outcome: "underfunded" }
    // The node tries with what its chain allows, and has no other words for a call that needs more.
    if (
      refusal.data === null &&
      /out ?of ?gas|gas required exceeds|exceeds.{0,30}gas limit/i.test(refusal.message)
    )
      return {
        outcome: "reverts",
        reason: `needs more gas than a transaction may use, which is ${gasMax} (${refusal.message})`,
      }
    if (!isRevert(refusal)) {
      throw new ChainBridgeError("NOT_SIMULATED", `the node did not simulate: ${refusal.message}`, {
        retryable: true,
        cause: error,
      })
    }
    return judgeRevert(refusal)
  }
}

function judgeRevert({ data, message }: Refusal): Simulation {
  const error = data === null ? null : decodeError(data)
  if (error === null) return { outcome: "reverts", reason: message }
  const { errorName, args = [] } = error
  const reason = `${errorName}(${args.map(String).join(", ")})`
  switch (errorName) {
    case "BatchAlreadyUsed":
    case "CheckpointAlreadyAnchored":
      return { outcome: "already_done" }
    case "TreasuryBalanceTooLow": {
      const [, balance, needed] = error.args
      return { outcome: "treasury_too_low", balance, needed }
    }
    case "FeeOnTransferToken":
      return { outcome: "reverts", reason, isForEverybody: true }
    default:
      return { outcome: "reverts", reason }
  }
}

type Refusal = { readonly code: number; readonly message: string; readonly data: Hex | null }

/**
 * Whether the node has run the call, and it failed. Other errors are about the node: a state that it lacks, a limit that was reached. They have no numbers of their own that all nodes agree on.
 */
function isRevert({ code, message, data }: Refusal): boolean {
  return data !== null || code === 3 || tellsOfExecution(message)
}

/** The node's own refusal in a chain of errors; null when no node answered at all. */
function refusalOf(error: unknown): Refusal | null {
  for (const cause of causesOf(error)) {
    if (!(cause instanceof Error)) return null
    const { code, data } = cause as { code?: unknown; data?: unknown }
    if (code === "RPC_UNAVAILABLE") return null
    if (typeof code === "number" && "data" in cause)
      return { code, message: cause.message, data: revertData(data) }
  }
  return null
}

function revertData(data: unknown): Hex | null {
  // Some nodes wrap the bytes in an object.
  const inner = typeof data === "object" && data !== null && "data" in data ? data.data : data
  return typeof inner === "string" && /^0x[0-9a-fA-F]{8,}$/.test(inner) ? (inner as Hex) : null
}

const errors = [...cpopTokenAbi, ...auditAnchorAbi, ...treasuryAbi]

function decodeError(data: Hex) {
  try {
    return decodeErrorResult({ abi: errors, data })
  } catch {
    return null
  }
}
