import type { Address, PublicClient } from "viem"
import { baseUnitsOf } from "./expect-outcomes.ts"
import type { FollowedBatch } from "./follow-settlement.ts"
import { measureSingleGas, type SingleChange } from "./measure-single-gas.ts"
import type { DemoGas } from "./summarize.ts"

/**
 * What the batches of a run used, and what their changes would have used as single transactions. Batches that also hold changes of somebody else are left out.
 * @returns undefined where there is none
 */
export async function measureDemoGas(of: {
  readonly client: PublicClient
  readonly token: Address
  readonly decimals: number
  readonly batches: readonly FollowedBatch[]
  readonly isOurs: (operationId: string) => boolean
}): Promise<DemoGas | undefined> {
  const batches = of.batches.filter(
    ({ batch, changes }) =>
      batch.gas_analysis.actual_gas_used !== null &&
      changes.every(({ operation_id: id }) => id !== null && of.isOurs(id)),
  )
  const singles: SingleChange[] = []
  const nets: SingleChange[] = []
  for (const { changes } of batches) {
    const net = new Map<string, bigint>()
    for (const { user_id: userId, amount } of changes) {
      const amountBaseUnits = baseUnitsOf(amount, of.decimals)
      if (amountBaseUnits === undefined) throw new Error(`a batch holds a change of ${amount}`)
      singles.push({ userId, amountBaseUnits })
      net.set(userId, (net.get(userId) ?? 0n) + amountBaseUnits)
    }
    nets.push(...[...net].map(([userId, amountBaseUnits]) => ({ userId, amountBaseUnits })))
  }
  if (nets.length === 0) return undefined
  const used = batches.reduce((sum, { batch }) => sum + BigInt(batch.gas_analysis.actual_gas_used ?? 0), 0n)
  const single = await measureSingleGas(of.client, of.token, singles)
  const net = await measureSingleGas(of.client, of.token, nets)
  return {
    used,
    recipients: nets.length,
    changes: singles.length,
    singleChanges: single.gas,
    singleRecipients: net.gas,
  }
}
