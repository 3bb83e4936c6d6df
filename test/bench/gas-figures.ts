import type { GasChain } from "./gas-chain.ts"
import {
  allDecimals,
  floorOf,
  type GasCase,
  type GasKind,
  prepareCase,
  rounded,
  savedPercent,
  sumOf,
} from "./gas-rows.ts"

/** What `settle` reaches for holders who already hold the token. Percent saved, by the recipients of a batch. */
export type GasFigures = {
  readonly kind: GasKind
  readonly saved_30: number
  readonly saved_84: number
  readonly saved_500: number
  /** The smallest batch that saves {@link wantedPercent}. */
  readonly recipients_for_78_39: number
  /** Of one more recipient, between 250 and 500, guard and all. */
  readonly marginal_gas: number
  readonly marginal_floor_ratio: number
  /** The same savings against single transactions of the plain OpenZeppelin token, which has neither roles nor a pause switch. */
  readonly plain_30: number
  readonly plain_84: number
  readonly plain_500: number
}

const wantedPercent = 78.39
const sizeMax = 500
const searched = { from: 20, to: 250 }
/** Two bytes more of each amount are not zero than the floor counts, at 12 gas a byte: see floorOf. */
const allDecimalsGas = 24

export async function measureFigures(chain: GasChain): Promise<GasFigures[]> {
  const figures: GasFigures[] = []
  for (const kind of ["mint", "burn", "mixed"] as const) {
    const measured = await prepareCase(chain, { kind, holders: "existing", count: sizeMax })
    const ours = await measured.singles("ours")
    const plain = await measured.singles("plain")
    const saved = async (size: number, singles: readonly number[]): Promise<number> =>
      savedPercent(await settleGas(measured, size), sumOf(singles.slice(0, size)))
    const marginal = await marginalGas(measured)
    figures.push({
      kind,
      saved_30: rounded(await saved(30, ours), 2),
      saved_84: rounded(await saved(84, ours), 2),
      saved_500: rounded(await saved(500, ours), 2),
      recipients_for_78_39: await smallestSize(async (size) => (await saved(size, ours)) >= wantedPercent),
      marginal_gas: rounded(marginal, 1),
      marginal_floor_ratio: rounded(marginal / floorOf(kind, "existing", 1), 4),
      plain_30: rounded(await saved(30, plain), 2),
      plain_84: rounded(await saved(84, plain), 2),
      plain_500: rounded(await saved(500, plain), 2),
    })
  }
  return figures
}

/** The margin of credits whose amounts use all 18 decimals, against the floor of such amounts. */
export async function measureLongAmounts(
  chain: GasChain,
): Promise<{ readonly marginalGas: number; readonly floorRatio: number }> {
  const options = { kind: "mint", holders: "existing", count: sizeMax, amountAt: allDecimals } as const
  const marginal = await marginalGas(await prepareCase(chain, options))
  const floor = floorOf("mint", "existing", 1) + allDecimalsGas
  return { marginalGas: rounded(marginal, 1), floorRatio: rounded(marginal / floor, 4) }
}

async function marginalGas(measured: GasCase): Promise<number> {
  const [small, large] = [await settleGas(measured, 250), await settleGas(measured, 500)]
  return (large - small) / 250
}

async function settleGas(measured: GasCase, size: number): Promise<number> {
  const gas = await measured.gasOf("settle", size)
  if (gas === null) throw new Error(`a batch of ${size} needs more gas than a transaction may use`)
  return gas
}

/** The fixed cost spreads over more with every recipient, so that halving finds it. */
async function smallestSize(isEnough: (size: number) => Promise<boolean>): Promise<number> {
  let { from, to } = searched
  while (from < to) {
    const middle = (from + to) >>> 1
    if (await isEnough(middle)) to = middle
    else from = middle + 1
  }
  return from
}
