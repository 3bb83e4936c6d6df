import type { Delta } from "../../ledger/domain/packed-deltas.ts"
import { type GasCall, type GasChain, GasExceeded } from "./gas-chain.ts"
import {
  deployLoopToken,
  deploySettlingToken,
  drawnAt,
  type GasToken,
  holderAt,
  type SettlingToken,
} from "./gas-tokens.ts"

export type GasKind = "mint" | "burn" | "mixed"
export type GasHolders = "existing" | "new"
export type GasForm = "settle" | "batch" | "openzeppelin" | "single"

export type GasRow = {
  readonly form: GasForm
  readonly kind: GasKind
  readonly holders: GasHolders
  readonly recipients: number
  /** Null, as the two after it: more than a transaction may use. */
  readonly gas_per_recipient: number | null
  /** Against `single` of the same kind, holders and recipients. */
  readonly saved_percent: number | null
  readonly floor_ratio: number | null
}

/** Recipients of one kind, on tokens on which they hold what the case says. Measuring leaves nothing behind. */
export type GasCase = {
  readonly kind: GasKind
  readonly holders: GasHolders
  /** Gas of each recipient's own transaction; on the product's token, or on the plain one. */
  singles(of: "ours" | "plain"): Promise<number[]>
  /** Gas of the first `size` recipients together; null: more than a transaction may use. */
  gasOf(form: Exclude<GasForm, "single">, size: number): Promise<number | null>
}

/**
 * Per recipient, what no way of settling does without: reading and writing a slot 5,000, the `Transfer` log 1,756, calldata 452 (an address and twelve bytes of
 * amount, seven of them not zero), a hash 36. A slot that was zero costs 17,100 more. A debit that leaves a rest is a credit's equal. Of `mixed` the debits are
 * always of holders who have something, so that with new holders only every other recipient pays for a new slot.
 */
const floorGas = { existing: 7_244, new: 24_344 }

export const gasClasses = [
  { kind: "mint", holders: "existing" },
  { kind: "mint", holders: "new" },
  { kind: "burn", holders: "existing" },
  { kind: "mixed", holders: "existing" },
  { kind: "mixed", holders: "new" },
] as const satisfies readonly { kind: GasKind; holders: GasHolders }[]

const batchForms = ["settle", "batch", "openzeppelin"] as const
const tokenUnit = 10n ** 18n
const held = 1_000_000n * tokenUnit

/** Whole tokens, 20 to 4,019: seven bytes that are not zero, as the floor has them. */
export function wholeTokens(index: number): bigint {
  return (20n + (drawnAt(index) % 4_000n)) * tokenUnit
}

/** All 18 decimals in use: nine bytes. */
export function allDecimals(index: number): bigint {
  return 20n * tokenUnit + (drawnAt(index) % (4_000n * tokenUnit))
}

/** Rows of every size, form and class, in this order. */
export async function measureRows(chain: GasChain, sizes: readonly number[]): Promise<GasRow[]> {
  const rows: GasRow[] = []
  for (const { kind, holders } of gasClasses) {
    const measured = await prepareCase(chain, { kind, holders, count: Math.max(...sizes) })
    const singles = await measured.singles("ours")
    for (const recipients of sizes) {
      const single = sumOf(singles.slice(0, recipients))
      const floor = floorOf(kind, holders, recipients)
      const add = (form: GasForm, gas: number | null): void => {
        rows.push({
          form,
          kind,
          holders,
          recipients,
          gas_per_recipient: gas === null ? null : rounded(gas / recipients, 1),
          saved_percent: gas === null ? null : rounded(savedPercent(gas, single), 2),
          floor_ratio: gas === null ? null : rounded(gas / floor, 3),
        })
      }
      for (const form of batchForms) add(form, await measured.gasOf(form, recipients))
      add("single", single)
    }
  }
  return rows
}

/** Deploys both tokens and credits those who hold something beforehand. */
export async function prepareCase(
  chain: GasChain,
  options: {
    readonly kind: GasKind
    readonly holders: GasHolders
    readonly count: number
    /** Base units of each recipient's change; {@link wholeTokens} unless given. */
    readonly amountAt?: (index: number) => bigint
  },
): Promise<GasCase> {
  const { kind, holders, count, amountAt = wholeTokens } = options
  const deltas = Array.from({ length: count }, (_, index): Delta => {
    const isDebit = kind === "burn" || (kind === "mixed" && index % 2 === 1)
    return { address: holderAt(index), amount: isDebit ? -amountAt(index) : amountAt(index) }
  })
  const holding = deltas.filter(({ amount }) => holders === "existing" || amount < 0n)
  // Somebody holds something already, and the guard's word of bits is in use, as for 255 of 256 batches.
  const before = [{ address: holderAt(count) }, ...holding].map(({ address }) => ({ address, amount: held }))
  const ours = await deploySettlingToken(chain)
  const plain = await deployLoopToken(chain)
  await chain.gasOf([ours.settle(1n, before), ...plain.batch(before)])
  return {
    kind,
    holders,
    singles: async (of) => {
      const token = of === "ours" ? ours : plain
      return chain.undoing(() => chain.gasOf(deltas.map(token.single)))
    },
    gasOf: async (form, size) => {
      const calls = callsOf(form, deltas.slice(0, size), ours, plain)
      try {
        return sumOf(await chain.undoing(() => chain.gasOf(calls)))
      } catch (error) {
        if (error instanceof GasExceeded) return null
        throw error
      }
    },
  }
}

function callsOf(
  form: Exclude<GasForm, "single">,
  deltas: readonly Delta[],
  ours: SettlingToken,
  plain: GasToken,
): GasCall[] {
  switch (form) {
    case "settle":
      return [ours.settle(2n, deltas)]
    case "batch":
      return ours.batch(deltas)
    case "openzeppelin":
      return plain.batch(deltas)
  }
}

/** Of all recipients together. */
export function floorOf(kind: GasKind, holders: GasHolders, recipients: number): number {
  if (holders === "existing") return recipients * floorGas.existing
  const debits = kind === "mixed" ? Math.floor(recipients / 2) : 0
  return (recipients - debits) * floorGas.new + debits * floorGas.existing
}

export function savedPercent(gas: number, single: number): number {
  return (1 - gas / single) * 100
}

export function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

export function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals))
}
