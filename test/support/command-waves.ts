import fc from "fast-check"
import type { LedgerCommand } from "../../ledger/domain/commands.ts"
import { captureHoldCommand, placeHoldCommand, releaseHoldCommand, reverseCommand } from "./hold-commands.ts"
import { adjustCommand } from "./test-ledger.ts"

/** A command, to be sent several times. What it refers to is drawn from what was recorded before its wave. */
export type Planned = {
  readonly kind: "adjust" | "hold" | "capture" | "release" | "reverse"
  readonly users: readonly number[]
  readonly amount: number
  readonly pick: number
  /** One for each time that it is sent: by which writer, and when. */
  readonly copies: readonly { readonly writer: number; readonly order: number }[]
}

const planned: fc.Arbitrary<Planned> = fc.record({
  kind: fc.constantFrom("adjust", "adjust", "adjust", "hold", "capture", "release", "reverse"),
  users: fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 4 }),
  amount: fc.integer({ min: -40, max: 60 }).filter((amount) => amount !== 0),
  pick: fc.nat({ max: 1_000 }),
  copies: fc.array(fc.record({ writer: fc.nat({ max: 1 }), order: fc.nat({ max: 10_000 }) }), {
    minLength: 1,
    maxLength: 4,
  }),
})

/** Waves of commands: those of a wave are all under way at once, in any order, each as often as it likes. */
export const commandWaves = fc.array(fc.array(planned, { minLength: 1, maxLength: 14 }), {
  minLength: 2,
  maxLength: 5,
})

/** What later commands can name. */
export type Recorded = { readonly holds: readonly bigint[]; readonly changes: readonly bigint[] }

export function toCommand(tokenId: number, id: string, plan: Planned, recorded: Recorded): LedgerCommand {
  const { kind, users, pick } = plan
  const size = Math.abs(plan.amount)
  const from = (positions: readonly bigint[]) => positions[pick % Math.max(positions.length, 1)] ?? 1_000_000n
  switch (kind) {
    case "adjust":
      return adjustCommand(
        tokenId,
        id,
        users.map((user) => [`user-${user}`, BigInt(plan.amount)]),
      )
    case "hold":
      return placeHoldCommand(tokenId, id, `user-${users[0] ?? 0}`, BigInt(size))
    case "capture":
      return captureHoldCommand(id, from(recorded.holds), pick % 2 === 0 ? null : BigInt(size))
    case "release":
      return releaseHoldCommand(id, from(recorded.holds))
    case "reverse":
      return reverseCommand(id, from(recorded.changes))
  }
}
