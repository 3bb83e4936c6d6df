import {
  encodeAbiParameters,
  encodeFunctionData,
  type Hex,
  keccak256,
  numberToHex,
  sliceHex,
  toHex,
} from "viem"
import { z } from "zod"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import { ChainBridgeError, causesOf } from "../../platform/errors.ts"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import { RpcFault } from "../../platform/rpc/rpc-fault.ts"
import type { SingleCosts } from "../domain/single-gas.ts"

/** What the measurement needs to know of a token. Addresses are lower case. */
export type MeasuredToken = {
  readonly address: Hex
  readonly decimals: number
  /** Pays for the calls; nothing is sent. */
  readonly signer: Hex
  /** An account that should hold some, for nodes that cannot simulate a series of calls. */
  readonly holder: Hex | null
  readonly blockNumber: bigint
}

export type Measured =
  | {
      readonly method: "eth_simulateV1" | "eth_estimateGas"
      readonly roles: "held" | "assumed"
      readonly costs: SingleCosts
    }
  | { readonly problem: string }

const quantity = z.string().regex(/^0x[0-9a-fA-F]+$/)
const simulated = z.array(z.object({ calls: z.array(z.object({ status: quantity, gasUsed: quantity })) }))

/** EIP-3529 gives this back for a slot that is cleared; an estimate leaves it out. */
const clearedSlotRefund = 4_800n
const gasPerCall = numberToHex(500_000)

/**
 * What single mints and burns of a token cost on its chain now, executed by the node on its newest state and left without a trace. A signer that has not the roles for it is given them there, in the
 * node's memory. The amount is one token: round amounts have the shortest calldata, so that nothing is overstated.
 * @returns a problem where the node or the token does not allow it
 * @throws ChainBridgeError RPC_UNAVAILABLE
 */
export async function measureSingleCalls(client: ChainClient, token: MeasuredToken): Promise<Measured> {
  const roles = await holdsRoles(client, token)
  const bySimulation = await attempt(() => simulate(client, token, roles))
  if (!("problem" in bySimulation)) return { method: "eth_simulateV1", roles, costs: bySimulation }
  const byEstimate = await attempt(() => estimate(client, token, roles))
  if (!("problem" in byEstimate)) return { method: "eth_estimateGas", roles, costs: byEstimate }
  return {
    problem: `eth_simulateV1: ${bySimulation.problem}; eth_estimateGas: ${byEstimate.problem}`.slice(0, 500),
  }
}

async function attempt(
  measure: () => Promise<SingleCosts | { readonly problem: string }>,
): Promise<SingleCosts | { readonly problem: string }> {
  try {
    return await measure()
  } catch (error) {
    if (isUnavailable(error)) throw error
    return { problem: describeBriefly(error) }
  }
}

/** What was said at the bottom of it, which is the node's own word. */
function describeBriefly(error: unknown): string {
  const last = causesOf(error).findLast((cause) => cause instanceof Error) ?? error
  const message = last instanceof Error ? last.message : String(last)
  return (message.split("\n")[0] ?? "").slice(0, 200)
}

/** No node answered: that says nothing about the token. One that answers with an error of its own cannot do what was asked. */
function isUnavailable(error: unknown): boolean {
  const causes = causesOf(error)
  if (causes.some((cause) => cause instanceof RpcFault && cause.kind === "rpc_error")) return false
  return causes.some((cause) => cause instanceof ChainBridgeError && cause.retryable)
}

const roleNames = ["MINTER_ROLE", "BURNER_ROLE"] as const

async function holdsRoles(client: ChainClient, token: MeasuredToken): Promise<"held" | "assumed"> {
  try {
    const answers = await Promise.all(
      roleNames.map((name) =>
        client.reads.readContract({
          address: token.address,
          abi: cpopTokenAbi,
          functionName: "hasRole",
          args: [roleId(name), token.signer],
          blockNumber: token.blockNumber,
        }),
      ),
    )
    return answers.every(Boolean) ? "held" : "assumed"
  } catch (error) {
    if (isUnavailable(error)) throw error
    // A token without roles: whoever may mint is its own affair, and the calls tell whether the signer does.
    return "assumed"
  }
}

/** For methods whose parameters viem knows less of than nodes do. */
function ask(client: ChainClient, method: string, params: readonly unknown[]): Promise<unknown> {
  const request = client.reads.request as (of: { method: string; params: unknown }) => Promise<unknown>
  return request({ method, params })
}

/** A first holder makes sure that the supply is not empty; then one account goes through all that can happen to it, a transaction each. */
async function simulate(
  client: ChainClient,
  token: MeasuredToken,
  roles: "held" | "assumed",
): Promise<SingleCosts | { readonly problem: string }> {
  const one = 10n ** BigInt(token.decimals)
  const bystander = standIn(token, "bystander")
  const account = standIn(token, "account")
  const calls = [
    mint(bystander, one),
    mint(account, one),
    mint(account, one),
    burn(account, one),
    burn(account, one),
  ]
  const block = {
    ...(roles === "held" ? {} : { stateOverrides: assumeRoles(token) }),
    calls: calls.map((data) => ({ from: token.signer, to: token.address, data, gas: gasPerCall })),
  }
  const answer = await ask(client, "eth_simulateV1", [
    { blockStateCalls: [block], validation: false },
    numberToHex(token.blockNumber),
  ])
  const made = simulated.parse(answer).flatMap((simulatedBlock) => simulatedBlock.calls)
  if (made.length !== calls.length || made.some(({ status }) => BigInt(status) !== 1n))
    return { problem: "a simulated mint or burn reverts" }
  const [, mintNew = 0n, mintExisting = 0n, burnPart = 0n, burnAll = 0n] = made.map(({ gasUsed }) =>
    BigInt(gasUsed),
  )
  return { mintNew, mintExisting, burnPart, burnAll }
}

/** Each call by itself, so that an account is needed which really holds something. */
async function estimate(
  client: ChainClient,
  token: MeasuredToken,
  roles: "held" | "assumed",
): Promise<SingleCosts | { readonly problem: string }> {
  const { holder, blockNumber } = token
  if (holder === null) return { problem: "no account of a ledger holds the token yet" }
  const held = await client.reads.readContract({
    address: token.address,
    abi: cpopTokenAbi,
    functionName: "balanceOf",
    args: [holder],
    blockNumber,
  })
  if (held < 2n) return { problem: `account ${holder} does not hold enough of the token` }
  const one = 10n ** BigInt(token.decimals)
  const part = held > one ? one : held - 1n
  const gasOf = async (data: Hex): Promise<bigint> => {
    const overrides = roles === "held" ? [] : [assumeRoles(token)]
    const call = { from: token.signer, to: token.address, data }
    const answer = await ask(client, "eth_estimateGas", [call, numberToHex(blockNumber), ...overrides])
    return BigInt(quantity.parse(answer))
  }
  const [mintNew, mintExisting, burnPart, burnAll] = await Promise.all([
    gasOf(mint(standIn(token, "account"), one)),
    gasOf(mint(holder, one)),
    gasOf(burn(holder, part)),
    gasOf(burn(holder, held)),
  ])
  return { mintNew, mintExisting, burnPart, burnAll: burnAll - clearedSlotRefund }
}

function mint(to: Hex, amount: bigint): Hex {
  return encodeFunctionData({ abi: cpopTokenAbi, functionName: "mint", args: [to, amount] })
}

function burn(from: Hex, amount: bigint): Hex {
  return encodeFunctionData({ abi: cpopTokenAbi, functionName: "burn", args: [from, amount] })
}

/** An address that nobody has a key for, another one for every token; without a zero byte, which would make its calldata cheaper than most. */
function standIn({ address }: MeasuredToken, name: string): Hex {
  for (let attempt = 0; ; attempt += 1) {
    const hash = keccak256(toHex(`gas calibration of ${address}: ${name} ${attempt}`))
    const candidate = sliceHex(hash, 0, 20)
    if (!/^0x(?:..)*?00/.test(candidate)) return candidate
  }
}

function roleId(name: (typeof roleNames)[number]): Hex {
  return keccak256(toHex(name))
}

// Where AccessControl keeps its roles: a slot that depends on what else the contract has, or the one of ERC-7201 for upgradeable contracts.
const plainSlots = 64
const upgradeableSlot = 0x02dd7bc7dec4dceedda775e58dd541e08a116c6c53815c0bd028192f7b626800n

/**
 * Overrides of storage that give the signer both roles, wherever the token keeps them: a mapping's entries stand at hashes, so an entry of a mapping that is not there touches nothing. A cold read of
 * the role costs the same whatever it says.
 */
function assumeRoles({ address, signer }: MeasuredToken): Record<Hex, { stateDiff: Record<Hex, Hex> }> {
  const stateDiff: Record<Hex, Hex> = {}
  const slots = [...Array.from({ length: plainSlots }, (_, slot) => BigInt(slot)), upgradeableSlot]
  for (const name of roleNames)
    for (const slot of slots) {
      const role = keccak256(
        encodeAbiParameters([{ type: "bytes32" }, { type: "uint256" }], [roleId(name), slot]),
      )
      const member = keccak256(
        encodeAbiParameters([{ type: "address" }, { type: "bytes32" }], [signer, role]),
      )
      stateDiff[member] = numberToHex(1n, { size: 32 })
    }
  return { [address]: { stateDiff } }
}
