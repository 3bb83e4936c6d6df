import { dayWaits, type FoldedDay, foldDay } from "./fold-day.ts"
import type { DayChange, GameDay } from "./game-day.ts"
import type { GasChain } from "./gas-chain.ts"
import { rounded, savedPercent, sumOf, wholeTokens } from "./gas-rows.ts"
import { deploySettlingToken, holderAt, type SettlingToken } from "./gas-tokens.ts"

export type NettingRow = {
  /** How long a change waits at most; k4: four changes of everybody are folded, whenever. */
  readonly wait: "1m" | "15m" | "1h" | "24h" | "k4"
  readonly changes: number
  readonly recipients: number
  /** Against a transaction for every change. */
  readonly saved_percent_per_change: number
}

export type MeasuredNetting = NettingRow & {
  readonly sizeMax: number
  readonly batches: number
  readonly gas: number
  readonly singleGas: number
}

const preparedPerBatch = 500
const foldedPerHolder = 4
const k4Holders = 400

/** Executes every batch of the day for each wait and size, and every change of it as a transaction of its own. */
export async function measureDay(
  chain: GasChain,
  day: GameDay,
  sizesMax: readonly number[],
): Promise<MeasuredNetting[]> {
  const token = await deployForDay(chain, day)
  const singleGas = await measureSingles(chain, token, day.changes)
  const rows: MeasuredNetting[] = []
  for (const sizeMax of sizesMax) {
    for (const { wait, waitMs } of dayWaits) {
      const folded = foldDay(day, { waitMs, sizeMax })
      rows.push(toRow(wait, sizeMax, folded, await measureBatches(chain, token, day, folded), singleGas))
    }
  }
  return rows
}

/** Batches that each fold four changes of holders: three rewards and something spent. */
export async function measureFourChanges(chain: GasChain, sizeMax: number): Promise<MeasuredNetting> {
  const rounds = Array.from({ length: foldedPerHolder }, (_, round) => round)
  const holders = Array.from({ length: k4Holders }, (_, holder) => holder)
  const day: GameDay = {
    users: k4Holders,
    opening: holders.map(wholeTokens),
    changes: rounds.flatMap((round) =>
      holders.map((user): DayChange => {
        const amount = wholeTokens(user * foldedPerHolder + round)
        // Half of what was there is spent last, so that nobody ends where they began.
        return { atMs: round, user, amount: round === foldedPerHolder - 1 ? -wholeTokens(user) / 2n : amount }
      }),
    ),
  }
  const token = await deployForDay(chain, day)
  const singleGas = await measureSingles(chain, token, day.changes)
  const folded = foldDay(day, { waitMs: foldedPerHolder, sizeMax })
  return toRow("k4", sizeMax, folded, await measureBatches(chain, token, day, folded), singleGas)
}

async function deployForDay(chain: GasChain, day: GameDay): Promise<SettlingToken> {
  const token = await deploySettlingToken(chain)
  const held = day.opening.flatMap((amount, user) =>
    amount > 0n ? [{ address: holderAt(user), amount }] : [],
  )
  for (let from = 0; from < held.length; from += preparedPerBatch) {
    // Ids far from those of the day, which pays for the guard's words itself.
    const sequence = BigInt(1_000_000 + from)
    await chain.gasOf([token.settle(sequence, held.slice(from, from + preparedPerBatch))])
  }
  return token
}

async function measureSingles(
  chain: GasChain,
  token: SettlingToken,
  changes: readonly DayChange[],
): Promise<number> {
  const calls = changes.map(({ user, amount }) => token.single({ address: holderAt(user), amount }))
  return sumOf(await chain.undoing(() => chain.gasOf(calls)))
}

async function measureBatches(
  chain: GasChain,
  token: SettlingToken,
  day: GameDay,
  { batches }: FoldedDay,
): Promise<number> {
  const calls = batches.map((batch, index) =>
    token.settle(
      BigInt(index + 1),
      batch.map(({ user, amount }) => ({ address: holderAt(user), amount })),
    ),
  )
  return chain.undoing(async () => {
    const gas = sumOf(await chain.gasOf(calls))
    // A debit that was skipped would look like one that was cheap.
    const expected = [...day.opening, ...day.changes.map(({ amount }) => amount)].reduce((a, b) => a + b, 0n)
    if ((await token.totalSupply()) !== expected) throw new Error("the batches did not settle the day")
    return gas
  })
}

function toRow(
  wait: NettingRow["wait"],
  sizeMax: number,
  folded: FoldedDay,
  gas: number,
  singleGas: number,
): MeasuredNetting {
  return {
    wait,
    changes: folded.changes,
    recipients: folded.recipients,
    saved_percent_per_change: rounded(savedPercent(gas, singleGas), 2),
    sizeMax,
    batches: folded.batches.length,
    gas,
    singleGas,
  }
}
