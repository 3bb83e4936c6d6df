import type { BatchCall } from "../../ledger/domain/batch-calls.ts"
import type { AccountFold } from "./fold.ts"
import { gasLimitMax } from "./gas-limit.ts"

/** What a settlement transaction is expected to use, before it is simulated. Sizes are planned with it; what is asked for and paid is always measured. */
export type GasModel = {
  /** Once per transaction: its base price, the guard, the token's own slots. */
  readonly fixed: number
  readonly existingHolder: number
  /** Its balance slot is zero, and filling one costs three times as much as changing one. */
  readonly newHolder: number
}

/**
 * Of `settle`, from contracts/gas-snapshot.json, whose test fails when they drift apart: the slope between 1 and 250 credits, the intercept, and one 256th of the price of a new
 * word of the guard. Debits cost 2 % more than credits.
 */
export const settleGas: GasModel = { fixed: 39_442, existingHolder: 7_484, newHolder: 24_584 }

/**
 * Of calls that loop over the library's mint or burn, which is what most tokens do; `npm run bench:gas`, form `openzeppelin`: the slope between 1 and 250 credits, and the intercept. Debits cost 0.3 %
 * more than credits.
 */
const loopGas: GasModel = { fixed: 29_404, existingHolder: 8_254, newHolder: 25_354 }

/** Of a treasury that pays out the library's token, from contracts/gas-snapshot.json in the same way. Other tokens cost more; the best known dollar some 2,500 for each recipient. */
const treasuryGas: GasModel = { fixed: 45_790, existingHolder: 9_389, newHolder: 26_489 }

export const gasOfCall: Readonly<Record<BatchCall, GasModel>> = {
  settle: settleGas,
  batch_mint: loopGas,
  batch_burn: loopGas,
  treasury_settle: treasuryGas,
}

export function gasOfRecipient(model: GasModel, account: Pick<AccountFold, "isNewHolder">): number {
  return account.isNewHolder ? model.newHolder : model.existingHolder
}

/** The gas that one transaction may be planned with: what every chain allows at most, and half a block, since a transaction that wants more may wait for an empty one. */
export function plannedGasMax(blockGasLimit: bigint | null): number {
  const half = blockGasLimit === null ? gasLimitMax : blockGasLimit / 2n
  return Number(half < gasLimitMax ? half : gasLimitMax)
}

/** How many of these recipients, from the first on, fit into one transaction: at least one, at most `sizeMax`, and a tenth of the gas stays free for what the model does not know. */
export function sizeThatFits(
  model: GasModel,
  nets: readonly Pick<AccountFold, "isNewHolder">[],
  sizeMax: number,
  gasMax: number,
): number {
  const most = Math.min(sizeMax, nets.length)
  let gas = model.fixed
  for (let size = 0; size < most; size += 1) {
    const account = nets[size]
    if (account !== undefined) gas += gasOfRecipient(model, account)
    if (gas * 1.1 > gasMax) return Math.max(1, size)
  }
  return most
}
