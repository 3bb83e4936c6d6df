import { createSeededRandom } from "../demo/seeded-random.ts"
import { createZipf } from "../demo/zipf.ts"

export type DayChange = {
  /** Since midnight. */
  readonly atMs: number
  readonly user: number
  /** Base units. */
  readonly amount: bigint
}

export type GameDay = {
  readonly users: number
  /** What each user holds when the day begins, in base units; 0n: holds nothing yet. */
  readonly opening: readonly bigint[]
  /** In the order of their times. Nobody spends what they do not have. */
  readonly changes: readonly DayChange[]
}

export type DayShape = { readonly seed: number; readonly users: number; readonly changes: number }

export const dayShape: DayShape = { seed: 1, users: 4_000, changes: 40_000 }

const hourMs = 3_600_000
/** Of a day's changes, by hour: a quiet night, an evening three times the mean. In thousandths. */
const sharesOfHours = [
  24, 15, 10, 7, 6, 8, 14, 24, 32, 36, 38, 42, 50, 46, 42, 44, 50, 58, 70, 86, 98, 94, 68, 38,
]
/** The busiest player plays twice as much as the second: the classic exponent. */
const zipfExponent = 1
const hundredth = 10n ** 16n

/** The same day for the same shape, on every machine: rewards and spends of a few busy and many rare players. */
export function createGameDay(shape: DayShape): GameDay {
  const random = createSeededRandom(shape.seed)
  const rankAt = createZipf(shape.users, zipfExponent)
  const hundredths = (min: number, max: number): bigint => BigInt(random.between(min, max)) * hundredth
  // A quarter of those who could play have no balance on chain yet.
  const opening = Array.from({ length: shape.users }, () =>
    random.chance(0.75) ? hundredths(100, 50_000) : 0n,
  )
  const hourAt = createShares(sharesOfHours)
  const times = Array.from(
    { length: shape.changes },
    () => hourAt(random.fraction()) * hourMs + random.between(0, hourMs - 1),
  ).sort((a, b) => a - b)
  const balances = [...opening]
  const changes = times.map((atMs): DayChange => {
    const user = rankAt(random.fraction())
    const balance = balances[user] ?? 0n
    const price = hundredths(50, 30_000)
    // Now and then the last coin goes.
    const spend = random.chance(0.02) ? balance : price
    const isSpend = random.chance(0.45) && spend > 0n && spend <= balance
    const amount = isSpend ? -spend : hundredths(20, 25_000)
    balances[user] = balance + amount
    return { atMs, user, amount }
  })
  return { users: shape.users, opening, changes }
}

function createShares(shares: readonly number[]): (fraction: number) => number {
  const total = shares.reduce((sum, share) => sum + share, 0)
  return (fraction) => {
    let left = fraction * total
    const index = shares.findIndex((share) => {
      left -= share
      return left < 0
    })
    return index < 0 ? shares.length - 1 : index
  }
}
