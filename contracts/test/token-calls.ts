import {
  type Abi,
  type Address,
  type BaseError,
  type ContractFunctionArgs,
  type ContractFunctionName,
  decodeErrorResult,
  encodeFunctionData,
  type Hex,
  parseEventLogs,
  RawContractError,
} from "viem"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import type { TestChain } from "./test-chain.ts"

type Mutability = "nonpayable" | "payable"
export type TokenFunction = ContractFunctionName<typeof cpopTokenAbi, Mutability>
type Arguments<Name extends TokenFunction> = ContractFunctionArgs<typeof cpopTokenAbi, Mutability, Name>

export type TokenEvent = { readonly name: string; readonly args: unknown }
export type Outcome = { readonly events: readonly TokenEvent[] } | { readonly refused: string }

/** Mines a call and answers its events in order, or the custom error with which it reverted: `Name(arguments)`. */
export async function callToken<Name extends TokenFunction>(
  chain: TestChain,
  token: Address,
  from: Address,
  functionName: Name,
  args: Arguments<Name>,
): Promise<Outcome> {
  // The union over all functions is too wide for inference; each call site is checked by Arguments<Name>.
  const data = encodeFunctionData({ abi: cpopTokenAbi, functionName, args } as Parameters<
    typeof encodeFunctionData<typeof cpopTokenAbi>
  >[0])
  return callWithData(chain, token, from, data)
}

/** Like {@link callToken}, for a call that is already encoded and a contract with these events and errors. */
export async function callWithData(
  chain: TestChain,
  contract: Address,
  from: Address,
  data: Hex,
  abi: Abi = cpopTokenAbi,
): Promise<Outcome> {
  const receipt = await chain.send(from, contract, data)
  if (receipt.status !== "success") return { refused: await revertReason(chain, contract, from, data, abi) }
  return {
    events: parseEventLogs({ abi, logs: receipt.logs }).map((log) => ({
      name: log.eventName ?? "",
      args: log.args,
    })),
  }
}

async function revertReason(
  chain: TestChain,
  contract: Address,
  from: Address,
  data: Hex,
  abi: Abi,
): Promise<string> {
  try {
    await chain.publicClient.call({ account: from, to: contract, data })
  } catch (error) {
    const raw = (error as BaseError).walk((cause) => cause instanceof RawContractError || hasData(cause))
    if (!hasData(raw)) throw error
    const { errorName, args } = decodeErrorResult({ abi, data: raw.data })
    return `${errorName}(${(args ?? []).map(String).join(",")})`
  }
  throw new Error("the call reverted in its block and passes now")
}

function hasData(value: unknown): value is { data: Hex } {
  return typeof value === "object" && value !== null && "data" in value && typeof value.data === "string"
}

export async function balanceOf(chain: TestChain, token: Address, account: Address): Promise<bigint> {
  return chain.publicClient.readContract({
    address: token,
    abi: cpopTokenAbi,
    functionName: "balanceOf",
    args: [account],
  })
}

export async function totalSupply(chain: TestChain, token: Address): Promise<bigint> {
  return chain.publicClient.readContract({ address: token, abi: cpopTokenAbi, functionName: "totalSupply" })
}
