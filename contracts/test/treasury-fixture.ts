import { type Abi, type Address, encodeFunctionData, type Hex } from "viem"
import { treasuryBytecode } from "../../abis/bytecode/treasury.ts"
import { treasuryAbi } from "../../abis/treasury.ts"
import { type CompiledContract, compile } from "../scripts/compile.ts"
import { accountAt, type TestChain } from "./test-chain.ts"
import { roles } from "./token-fixture.ts"

export type TreasuryFixture = {
  readonly treasury: Address
  readonly token: Address
  /** Of the token. */
  readonly abi: Abi
  readonly admin: Address
  readonly operator: Address
  readonly nobody: Address
  /** Has the token's admin call the token. */
  callToken(functionName: string, args: readonly unknown[]): Promise<void>
}

const plainPath = "contracts/test/PlainToken.sol"
const oddPath = "contracts/test/OddToken.sol"
let compiled: ReadonlyMap<string, CompiledContract> | undefined

/** A treasury that holds `funds` of somebody else's token, which is as plain as can be or has oddities. */
export async function deployTreasury(
  chain: TestChain,
  kind: "plain" | "odd",
  funds: bigint,
): Promise<TreasuryFixture> {
  compiled ??= compile([plainPath, oddPath])
  const contract = compiled.get(kind === "plain" ? `${plainPath}:PlainToken` : `${oddPath}:OddToken`)
  if (contract === undefined) throw new Error(`there is no ${kind} token`)
  const { abi, bytecode } = contract
  const admin = accountAt(chain.accounts, 0)
  const operator = accountAt(chain.accounts, 3)
  const token = await chain.deploy(abi, bytecode, kind === "plain" ? [] : [admin])
  const treasury = await chain.deploy(treasuryAbi as Abi, treasuryBytecode, [admin])
  const send = async (to: Address, data: Hex) => {
    const receipt = await chain.send(admin, to, data)
    if (receipt.status !== "success") throw new Error("the admin's call reverted")
  }
  const callToken = (functionName: string, args: readonly unknown[]) =>
    send(token, encodeFunctionData({ abi, functionName, args }))
  await send(
    treasury,
    encodeFunctionData({ abi: treasuryAbi, functionName: "grantRole", args: [roles.operator, operator] }),
  )
  if (kind === "plain") await callToken("batchMint", [[treasury], [funds]])
  else await callToken("mint", [treasury, funds])
  return { treasury, token, abi, admin, operator, nobody: accountAt(chain.accounts, 4), callToken }
}
