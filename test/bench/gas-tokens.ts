import {
  type Address,
  type ContractFunctionArgs,
  type ContractFunctionName,
  encodeDeployData,
  encodeFunctionData,
  type Hex,
  keccak256,
  numberToHex,
  sliceHex,
  stringToHex,
} from "viem"
import { cpopTokenBytecode } from "../../abis/bytecode/cpop-token.ts"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import { encodeSettle } from "../../batcher/chain/encode-settle.ts"
import { type CompiledContract, compile } from "../../contracts/scripts/compile.ts"
import { batchIdOf, type Delta, encodeDeltas } from "../../ledger/domain/packed-deltas.ts"
import type { GasCall, GasChain } from "./gas-chain.ts"

/** A token whose roles the chain's sender has. */
export type GasToken = {
  readonly address: Address
  /** One transaction a change: a mint or a burn. */
  single(delta: Delta): GasCall
  /** A transaction for the credits and one for the debits, where there are any. */
  batch(deltas: readonly Delta[]): GasCall[]
}

export type SettlingToken = GasToken & {
  settle(sequence: bigint, deltas: readonly Delta[]): GasCall
  /** In base units. */
  totalSupply(): Promise<bigint>
}

const ledgerId = "01890a5d-ac96-774b-bcce-b302099a8057"
const loopTokenPath = "contracts/test/LoopToken.sol"
const tokenRoles = ["MINTER_ROLE", "BURNER_ROLE", "OPERATOR_ROLE"]
const singleGasMax = 200_000

/** The product's own token. */
export async function deploySettlingToken(chain: GasChain): Promise<SettlingToken> {
  const args = ["CPOP Token", "CPOP", chain.sender] as const
  const address = await chain.deploy(
    encodeDeployData({ abi: cpopTokenAbi, bytecode: cpopTokenBytecode, args }),
  )
  await chain.gasOf(
    tokenRoles.map((role) => ({
      to: address,
      data: encodeToken("grantRole", [keccak256(stringToHex(role)), chain.sender]),
    })),
  )
  return {
    ...callsOf(address),
    settle: (sequence, deltas) => ({
      to: address,
      data: encodeSettle(batchIdOf(ledgerId, sequence), encodeDeltas(deltas)),
    }),
    totalSupply: async () =>
      BigInt(
        await chain.read(address, encodeFunctionData({ abi: cpopTokenAbi, functionName: "totalSupply" })),
      ),
  }
}

/** A plain OpenZeppelin ERC-20 with one owner that mints and burns in a loop. */
export async function deployLoopToken(chain: GasChain): Promise<GasToken> {
  const { abi, bytecode } = loopToken()
  return callsOf(await chain.deploy(encodeDeployData({ abi, bytecode, args: [chain.sender] })))
}

let compiledLoopToken: CompiledContract | undefined

/** Compiled once: that takes longer than most measurements. */
function loopToken(): CompiledContract {
  compiledLoopToken ??= compile([loopTokenPath]).get(`${loopTokenPath}:LoopToken`)
  if (compiledLoopToken === undefined) throw new Error(`${loopTokenPath} has no contract LoopToken`)
  return compiledLoopToken
}

/** Both tokens name these functions alike. */
function callsOf(address: Address): GasToken {
  return {
    address,
    single: (delta) => ({
      to: address,
      data:
        delta.amount > 0n
          ? encodeToken("mint", [delta.address, delta.amount])
          : encodeToken("burn", [delta.address, -delta.amount]),
      gasLimit: singleGasMax,
    }),
    batch: (deltas) => {
      const credits = deltas.filter(({ amount }) => amount > 0n)
      const debits = deltas.filter(({ amount }) => amount < 0n)
      const calls: GasCall[] = []
      if (credits.length > 0) {
        const amounts = credits.map(({ amount }) => amount)
        calls.push({ to: address, data: encodeToken("batchMint", [credits.map(addressOf), amounts]) })
      }
      if (debits.length > 0) {
        const amounts = debits.map(({ amount }) => -amount)
        calls.push({ to: address, data: encodeToken("batchBurn", [debits.map(addressOf), amounts]) })
      }
      return calls
    },
  }
}

type TokenFunction = ContractFunctionName<typeof cpopTokenAbi, "nonpayable">

function encodeToken<Name extends TokenFunction>(
  functionName: Name,
  args: ContractFunctionArgs<typeof cpopTokenAbi, "nonpayable", Name>,
): Hex {
  // The union over all functions is too wide for inference; each call site is checked by its own arguments.
  return encodeFunctionData({ abi: cpopTokenAbi, functionName, args } as Parameters<
    typeof encodeFunctionData<typeof cpopTokenAbi>
  >[0])
}

function addressOf({ address }: Delta): Address {
  return address
}

/** The same for ever, with zero bytes as often as any address has them. */
export function holderAt(index: number): Address {
  return sliceHex(keccak256(numberToHex(index + 1, { size: 32 })), 0, 20)
}

/** A number that belongs to the index, below 2^256, and looks drawn. */
export function drawnAt(index: number): bigint {
  return BigInt(keccak256(numberToHex(index + 1)))
}
