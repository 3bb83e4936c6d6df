import { encodeFunctionData, keccak256, toHex } from "viem"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import type { SettlementFixture } from "./settlement-fixture.ts"

const supplyMax = 2n ** 256n - 1n
const outsider = `0x${"77".repeat(20)}` as const

type Fixture = Pick<SettlementFixture, "token">

const call = ({ token }: Fixture, functionName: "mint" | "burn", amount: bigint) =>
  token.sendAsAdmin(encodeFunctionData({ abi: cpopTokenAbi, functionName, args: [outsider, amount] }))

/** From then on the token refuses whoever would be paid more than `room`, and nobody else: its supply would overflow. */
export async function leaveRoom(fixture: Fixture, room: bigint): Promise<void> {
  for (const role of ["MINTER_ROLE", "BURNER_ROLE"]) {
    const args = [keccak256(toHex(role)), fixture.token.admin] as const
    await fixture.token.sendAsAdmin(
      encodeFunctionData({ abi: cpopTokenAbi, functionName: "grantRole", args }),
    )
  }
  await call(fixture, "mint", supplyMax - room)
}

/** More room, by so much. */
export const makeRoom = (fixture: Fixture, amount: bigint): Promise<void> => call(fixture, "burn", amount)
