import { encodeFunctionData, erc20Abi, type Hex } from "viem"
import { treasuryAbi } from "../../abis/treasury.ts"
import { encodeBatch } from "../../batcher/chain/encode-batch.ts"
import { type Simulation, simulateCall } from "../../batcher/chain/simulate-call.ts"
import { encodeDeltas } from "../../ledger/domain/packed-deltas.ts"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"

export type TreasuryToCheck = {
  readonly address: Hex
  readonly decimals: number
  readonly treasury: Hex
}

// No batch has this number: its ledger would be the one without an id.
const noBatch: Hex = `0x${"0".repeat(63)}1`
/** Somebody who has no key and holds nothing. */
const recipient: Hex = `0x${"7e57".repeat(10)}`
const gasMax = 16_000_000n

/**
 * Holds a token that is to be paid out of a treasury against both contracts: the treasury has to know its calls and our role, and the token has to arrive as it was sent. That is tried by payments that
 * are simulated and never sent: all that the treasury holds, so that a share of any size shows, or one token where so much must not be moved at once.
 * @returns what is wrong, in half a sentence that says what to do; null: nothing
 * @throws ChainBridgeError RPC_UNAVAILABLE
 */
export async function checkTreasury(
  client: ChainClient,
  { address, decimals, treasury }: TreasuryToCheck,
  signer: Hex,
): Promise<string | null> {
  if ((await client.reads.getCode({ address: treasury })) === undefined)
    return `there is no contract at ${treasury}, its treasury; correct the treasury`
  const simulate = (data: Hex) => simulateCall(client, { from: signer, to: treasury, data }, gasMax)
  const pay = (amount: bigint) =>
    simulate(
      encodeBatch(
        { batchCall: "treasury_settle", batchId: noBatch, tokenAddress: address },
        encodeDeltas([{ address: recipient, amount }]),
      ),
    )
  // Cut short: whoever reads deltas refuses it.
  const args = [address, BigInt(noBatch), signer] as const
  const broken = await simulate(encodeFunctionData({ abi: treasuryAbi, functionName: "settle", args }))
  const known = /^(?:DeltasMalformed|AccessControlUnauthorizedAccount|EnforcedPause)\(/
  if (broken.outcome !== "reverts" || !known.test(broken.reason))
    return `the contract ${treasury} is no treasury of ours; correct the treasury`
  if (broken.reason.startsWith("AccessControl"))
    return `the signer ${signer} lacks the role OPERATOR_ROLE of the treasury ${treasury}; have its admin grant it`
  const first = await pay(1n)
  // Nothing can be tried while there is nothing, and the first batch finds out the same before it is signed.
  if (first.outcome === "treasury_too_low" || isPaused(first)) return null
  const held = await client.reads.readContract({
    abi: erc20Abi,
    address,
    functionName: "balanceOf",
    args: [treasury],
  })
  const one = 10n ** BigInt(decimals)
  let last: Simulation = first
  for (const amount of held > one ? [held, one] : [held]) {
    last = await pay(amount)
    if (last.outcome !== "reverts" || last.isForEverybody === true) break
  }
  return last.outcome === "reverts" ? describeRefusal(address, last) : null
}

function isPaused(simulation: Simulation): boolean {
  return simulation.outcome === "reverts" && simulation.reason.startsWith("EnforcedPause(")
}

function describeRefusal(
  address: Hex,
  { reason, isForEverybody }: Extract<Simulation, { outcome: "reverts" }>,
): string {
  if (isForEverybody === true)
    return `its contract ${address} keeps a share of what is sent, so that a user would get less than his balance says (${reason}); such tokens cannot be settled: leave it out`
  if (reason.startsWith("SafeERC20FailedOperation("))
    return `its contract ${address} answers false to a transfer out of its treasury; such tokens cannot be settled: leave it out`
  return `its contract ${address} refuses a transfer out of its treasury: ${reason}`
}
