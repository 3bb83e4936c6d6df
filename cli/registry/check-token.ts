import {
  type Abi,
  BaseError,
  decodeErrorResult,
  encodeFunctionData,
  type Hex,
  keccak256,
  parseAbi,
  toHex,
} from "viem"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import { encodeProbes } from "../../batcher/chain/encode-batch.ts"
import { settlementModes } from "../../batcher/domain/settlement-modes.ts"
import type { BatchCall, SettlementMode } from "../../ledger/domain/batch-calls.ts"
import { ChainBridgeError, causesOf, unreachable } from "../../platform/errors.ts"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import { checkTreasury } from "./check-treasury.ts"

export type TokenToCheck = {
  readonly symbol: string
  readonly chainId: number
  readonly address: Hex
  readonly decimals: number
  readonly mode: SettlementMode
  /** Of the mode treasury: what pays it out. */
  readonly treasury: Hex | null
}

const refusals: Abi = [
  ...cpopTokenAbi.filter(({ type }) => type === "error"),
  ...parseAbi(["error OwnableUnauthorizedAccount(address account)", "error Error(string reason)"]),
]

// No batch has this number: its ledger would be the one without an id.
const noBatch: Hex = `0x${"0".repeat(63)}1`

/**
 * Holds a token against its contract. What a contract says of itself is not asked: calls are tried from the signer's address, and some that a contract which knows them has to refuse. So one that
 * takes any call is found out, one behind a proxy is not held against its own code, and that our role is granted is part of the answer.
 * @param signer null: not known here, and only what does not depend on it is checked
 * @returns what is wrong, in a sentence that says what to do; null: nothing
 * @throws ChainBridgeError RPC_UNAVAILABLE
 */
export async function checkToken(
  client: ChainClient,
  token: TokenToCheck,
  signer: Hex | null,
): Promise<string | null> {
  const where = `${token.symbol} on chain ${token.chainId}`
  if ((await client.reads.getCode({ address: token.address })) === undefined)
    return `${where}: there is no contract at ${token.address}; correct its address`
  const decimals = await readDecimals(client, token.address)
  if (decimals !== null && decimals !== token.decimals)
    return `${where} has ${decimals} decimals, and not ${token.decimals}; correct them`
  if (signer === null) return null
  if (token.mode === "treasury") {
    const { treasury } = token
    const problem =
      treasury === null
        ? "it is paid out of a treasury, and there is none on its chain; name one as the treasury"
        : await checkTreasury(client, { ...token, treasury }, signer)
    return problem === null ? null : `${where}: ${problem}`
  }
  const traits = settlementModes[token.mode]
  for (const call of new Set([traits.credits, traits.debits])) {
    if (call === null) continue
    const problem = await checkCall(client, token, call, signer)
    if (problem !== null) return `${where}: ${problem}`
  }
  return null
}

/** A contract need not say its decimals; they are the file's then. */
async function readDecimals(client: ChainClient, address: Hex): Promise<number | null> {
  try {
    return await client.reads.readContract({ address, abi: cpopTokenAbi, functionName: "decimals" })
  } catch (error) {
    if (isAnswer(error)) return null
    throw error
  }
}

async function checkCall(
  client: ChainClient,
  { address, mode }: TokenToCheck,
  call: BatchCall,
  signer: Hex,
): Promise<string | null> {
  const name = nameOf(call)
  const refusal = async (data: Hex): Promise<Refusal | null> => {
    try {
      await client.reads.call({ account: signer, to: address, data })
      return null
    } catch (error) {
      if (!isAnswer(error)) throw error
      return readRefusal(error)
    }
  }
  if ((await refusal(brokenCall(call, signer))) === null)
    return `its contract ${address} takes a ${name} that makes no sense, so it does not know the call; choose another settlement_mode than ${mode}`
  const refused: Refusal[] = []
  for (const probe of encodeProbes({ batchCall: call, batchId: noBatch, tokenAddress: address }, signer)) {
    const reason = await refusal(probe)
    if (reason === null) return null
    refused.push(reason)
  }
  const [first] = refused
  if (first === undefined) return null
  // Whoever may not call is told so before that.
  if (first.name === "EnforcedPause") return null
  if (first.role !== undefined)
    return `the signer ${signer} lacks the role ${roleName(first.role)}; have the token's admin grant it`
  if (first.name === "OwnableUnauthorizedAccount")
    return `the signer ${signer} may not call ${name}, which only the token's owner may; make it the owner, or settle with the owner's key`
  return first.name === null
    ? `its contract ${address} does not know ${name}, or refuses it to the signer ${signer} without a reason; grant the signer what it needs, or choose another settlement_mode than ${mode}`
    : `its contract ${address} refuses ${name} to the signer ${signer}: ${first.name}; grant the signer what it needs`
}

type Refusal = { readonly name: string | null; readonly role: Hex | undefined }

function readRefusal(error: unknown): Refusal {
  const data = causesOf(error)
    .map((cause) => (cause as { data?: unknown }).data)
    .map((found) => (typeof found === "object" && found !== null && "data" in found ? found.data : found))
    .find((found): found is Hex => typeof found === "string" && /^0x[0-9a-fA-F]{8,}$/.test(found))
  if (data === undefined) return { name: null, role: undefined }
  try {
    const { errorName, args } = decodeErrorResult({ abi: refusals, data })
    const role = errorName === "AccessControlUnauthorizedAccount" ? (args?.[1] as Hex) : undefined
    return { name: errorName === "Error" ? String(args?.[0]) : errorName, role }
  } catch {
    return { name: `error ${data.slice(0, 10)}`, role: undefined }
  }
}

/** Whether a node has answered, and the call failed: anything else says nothing about the token. */
function isAnswer(error: unknown): boolean {
  const causes = causesOf(error)
  const isUnavailable = causes.some((cause) => cause instanceof ChainBridgeError && cause.retryable)
  return !isUnavailable && causes.some((cause) => cause instanceof BaseError)
}

function nameOf(call: BatchCall): string {
  switch (call) {
    case "settle":
      return "settle"
    case "batch_mint":
      return "batchMint"
    case "batch_burn":
      return "batchBurn"
    case "treasury_settle":
      return "settle of a treasury"
    default:
      return unreachable(call)
  }
}

/** Deltas cut short, or lists of different lengths: whoever reads them refuses them. */
function brokenCall(call: BatchCall, signer: Hex): Hex {
  const abi = cpopTokenAbi
  switch (call) {
    case "settle":
      return encodeFunctionData({ abi, functionName: "settle", args: [BigInt(noBatch), signer] })
    case "batch_mint":
      return encodeFunctionData({ abi, functionName: "batchMint", args: [[signer], []] })
    case "batch_burn":
      return encodeFunctionData({ abi, functionName: "batchBurn", args: [[signer], []] })
    case "treasury_settle":
      throw new ChainBridgeError("INVARIANT_VIOLATED", "a treasury is checked by itself")
    default:
      return unreachable(call)
  }
}

function roleName(role: Hex): string {
  const names = ["OPERATOR_ROLE", "MINTER_ROLE", "BURNER_ROLE"]
  return names.find((name) => keccak256(toHex(name)) === role) ?? role
}
