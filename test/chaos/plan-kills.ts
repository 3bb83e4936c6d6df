import type { SeededRandom } from "../demo/seeded-random.ts"

/** `running`: so long after the ready line. `starting`: so long after `start` was called, before it may be ready. */
export type PlannedKill = { readonly during: "running" | "starting"; readonly afterMs: number }

const startingShare = 0.25

/** The moments of a run's kills. The first is never during the first start: there would be nothing to lose. */
export function planKills(random: SeededRandom, count: number): PlannedKill[] {
  return Array.from({ length: count }, (_, index) =>
    index > 0 && random.chance(startingShare)
      ? { during: "starting", afterMs: random.between(300, 9_000) }
      : { during: "running", afterMs: random.between(300, 9_000) },
  )
}
