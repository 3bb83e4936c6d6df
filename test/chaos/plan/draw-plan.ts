import { createSeededRandom, type SeededRandom } from "../../demo/seeded-random.ts"
import { type FaultKind, rareKind, type Track, tracks } from "./fault-kinds.ts"

export type PlannedFault = {
  readonly kind: FaultKind
  /** After the one before it in the same track. */
  readonly pauseMs: number
  /** Which of two processes, where there are two. */
  readonly victim: 0 | 1
  /** Which of the nodes misbehave. */
  readonly nodes: "first" | "second" | "both"
  readonly durationMs: number
  /** Blocks behind, nonces behind, times the base fee, as the kind has it. */
  readonly size: number
  /** Further choices of the kind, such as the step at which a batcher is stopped. */
  readonly choice: number
}

export type Plan = {
  readonly seed: number
  /** Each track is gone through in its order, all at once. */
  readonly faults: Readonly<Record<Track, readonly PlannedFault[]>>
  readonly workload: {
    readonly adjustments: number
    readonly users: number
    readonly operationsPerSecond: number
    /** Withdrawals of money that was spent already, whose debits the chain has to skip. */
    readonly racingWithdrawals: number
  }
}

/** Between the faults of a track, at most; processes take the longest to come back. */
const pauseMsMax: Readonly<Record<Track, number>> = { processes: 1_500, node: 4_000, chain: 5_000 }

/** Kinds of a track in one run. In so many runs from a multiple of three on every kind has its turn. */
const perRun: Readonly<Record<Track, number>> = { processes: 5, node: 3, chain: 3 }
const runsPerDeck = 3
const indexerEvery = 10

/** The same seed gives the same plan. */
export function drawPlan(seed: number): Plan {
  const random = createSeededRandom(seed * 7_919 + 1)
  const faultsOf = (track: Track) => kindsOf(seed, track).map((kind) => drawFault(random, track, kind))
  const faults = { processes: faultsOf("processes"), node: faultsOf("node"), chain: faultsOf("chain") }
  if (seed % indexerEvery === 0)
    faults.processes.splice(
      random.between(0, faults.processes.length),
      0,
      drawFault(random, "processes", rareKind),
    )
  return {
    seed,
    faults,
    workload: {
      adjustments: random.between(1_900, 2_300),
      users: random.between(60, 240),
      operationsPerSecond: random.between(15, 30),
      racingWithdrawals: random.chance(0.2) ? 1 : 0,
    },
  }
}

/** A share of a deck that three neighbouring seeds deal among themselves. */
function kindsOf(seed: number, track: Track): FaultKind[] {
  const deck = Math.floor(seed / runsPerDeck)
  const kinds = shuffled(tracks[track], createSeededRandom(deck * 104_729 + track.length))
  const from = (seed % runsPerDeck) * perRun[track]
  return Array.from({ length: perRun[track] }, (_, index) => kinds[(from + index) % kinds.length]).filter(
    (kind) => kind !== undefined,
  )
}

function drawFault(random: SeededRandom, track: Track, kind: FaultKind): PlannedFault {
  return {
    kind,
    pauseMs: random.between(200, pauseMsMax[track]),
    victim: random.chance(0.5) ? 1 : 0,
    nodes: random.pick(["first", "second", "both", "both"]),
    durationMs: random.between(1_200, 3_000),
    size: random.between(1, 4),
    choice: random.between(0, 999),
  }
}

function shuffled<Item>(items: readonly Item[], random: SeededRandom): Item[] {
  return items
    .map((item) => ({ item, rank: random.fraction() }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ item }) => item)
}
