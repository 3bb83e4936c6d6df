import { createSeededRandom, type SeededRandom } from "./seeded-random.ts"
import type { StreamAdjustment, StreamOperation } from "./stream-operation.ts"
import { createZipf } from "./zipf.ts"

export type StreamShape = {
  readonly seed: number
  /** Exactly so many, those that will be refused included. */
  readonly adjustments: number
  /** Everybody checks in once, so everybody occurs. */
  readonly users: number
  /** Operations at the beginning that are one adjustment each. */
  readonly quiet: number
  readonly tokenSymbol: string
}

/** Spending and winning of the busiest players: the classic exponent. */
const zipfExponent = 1
const checkInSize = 100
/** Amounts are made in thousandths of a token. */
const thousandths = 1_000

type Day = {
  readonly shape: StreamShape
  readonly random: SeededRandom
  readonly player: () => string
  /** What a player should have, in thousandths: prices are chosen by it. Refusals are decided elsewhere. */
  readonly purses: Map<string, number>
}

/** A day in a game: a quiet night, the daily check-in of everybody, then quests, shopping, refunds, raids, trades and a few mistakes. */
export function* generateStream(shape: StreamShape): Generator<StreamOperation> {
  const random = createSeededRandom(shape.seed)
  const rankAt = createZipf(shape.users, zipfExponent)
  const names = shuffledNames(shape.users, random)
  const player = () => names[rankAt(random.fraction())] ?? "player-0001"
  const day: Day = { shape, random, player, purses: new Map() }
  let number = 0
  let left = shape.adjustments
  const operation = (adjustments: readonly StreamAdjustment[]): StreamOperation => {
    const kept = adjustments.slice(0, left)
    left -= kept.length
    number++
    return { operation_id: `day-${String(number).padStart(6, "0")}`, adjustments: kept }
  }
  for (let index = 0; index < shape.quiet && left > 0; index++) yield operation([quest(day, player())])
  for (let from = 0; from < names.length && left > 0; from += checkInSize) {
    yield operation(names.slice(from, from + checkInSize).map((name) => checkIn(day, name)))
  }
  while (left > 0) yield operation(nextEvent(day))
}

function nextEvent(day: Day): StreamAdjustment[] {
  const { random } = day
  const kind = random.fraction()
  if (kind < 0.44) return [quest(day, day.player())]
  if (kind < 0.9) return [purchase(day, day.player())]
  if (kind < 0.935) return [refund(day, day.player())]
  if (kind < 0.95) return raid(day)
  if (kind < 0.995) return trade(day)
  return [mistake(day, day.player())]
}

function checkIn(day: Day, user: string): StreamAdjustment {
  const streak = day.random.between(1, 30)
  return change(day, user, 5_000 + streak * 500, "daily_checkin", {
    activity_id: "checkin-day",
    streak_days: String(streak),
  })
}

function quest(day: Day, user: string): StreamAdjustment {
  return change(day, user, day.random.between(200, 25_000), "reward", {
    activity_id: `quest-${day.random.between(1, 400)}`,
    reward_type: day.random.pick(["quest", "boss", "achievement"]),
  })
}

/** Most players buy what they can pay; some try all the same. */
function purchase(day: Day, user: string): StreamAdjustment {
  const { random } = day
  const purse = day.purses.get(user) ?? 0
  const price = random.between(500, 30_000)
  const service = { service_type: "shop", service_id: `item-${random.between(1, 900)}` }
  if (price <= purse) return change(day, user, -price, "consumption", service)
  if (random.chance(0.03)) return written(day, user, -price, "consumption", service)
  if (purse < 100) return quest(day, user)
  // Now and then the last coin goes too.
  const part = random.chance(0.1) ? purse : random.between(100, purse)
  return change(day, user, -part, "consumption", service)
}

function refund(day: Day, user: string): StreamAdjustment {
  return change(day, user, day.random.between(500, 12_000), "refund", {
    order_id: `order-${day.random.between(1, 99_999)}`,
    refund_reason: day.random.pick(["faulty_item", "double_payment", "changed_mind"]),
  })
}

function raid(day: Day): StreamAdjustment[] {
  const winners = new Set(Array.from({ length: day.random.between(5, 40) }, day.player))
  const activity = { activity_id: `raid-${day.random.between(1, 60)}`, reward_type: "raid" }
  return [...winners].map((user) => change(day, user, day.random.between(1_000, 9_000), "reward", activity))
}

/** One pays, the other is paid: both or neither. */
function trade(day: Day): StreamAdjustment[] {
  const buyer = day.player()
  const seller = day.player()
  const purse = day.purses.get(buyer) ?? 0
  if (buyer === seller || purse < 200) return [quest(day, buyer)]
  const price = day.random.between(100, Math.min(purse, 20_000))
  const period = { settlement_id: `trade-${day.random.between(1, 999_999)}` }
  return [change(day, buyer, -price, "settlement", period), change(day, seller, price, "settlement", period)]
}

/** What a backend sends when something is wrong with it. */
function mistake(day: Day, user: string): StreamAdjustment {
  const good = written(day, user, 1_000, "reward", { activity_id: "quest-1" })
  return day.random.pick<StreamAdjustment>([
    { ...good, reason_type: "rewrad" },
    { ...good, amount: "+0.00" },
    { ...good, amount: "12.5" },
    { ...good, amount: `+0.${"0".repeat(30)}1` },
    { ...good, metadata: { campaign: "spring" } },
  ])
}

function change(
  day: Day,
  user: string,
  amount: number,
  reason: string,
  metadata: Readonly<Record<string, string>>,
): StreamAdjustment {
  day.purses.set(user, (day.purses.get(user) ?? 0) + amount)
  return written(day, user, amount, reason, metadata)
}

function written(
  day: Day,
  user: string,
  amount: number,
  reason: string,
  metadata: Readonly<Record<string, string>>,
): StreamAdjustment {
  const size = Math.abs(amount)
  const fraction = String(size % thousandths).padStart(3, "0")
  return {
    user_id: user,
    token_symbol: day.shape.tokenSymbol,
    amount: `${amount < 0 ? "-" : "+"}${Math.floor(size / thousandths)}.${fraction}`,
    reason_type: reason,
    metadata,
  }
}

/** The busiest player is nobody in particular. */
function shuffledNames(users: number, random: SeededRandom): string[] {
  const names = Array.from({ length: users }, (_, index) => `player-${String(index + 1).padStart(4, "0")}`)
  for (let last = names.length - 1; last > 0; last--) {
    const other = random.between(0, last)
    const [a, b] = [names[last], names[other]]
    if (a !== undefined && b !== undefined) [names[last], names[other]] = [b, a]
  }
  return names
}
