import type { SeededRandom } from "../demo/seeded-random.ts"

/** One write of a load: `[user, whole tokens]`, in POINT, which has no decimals. */
export type LoadOperation = {
  readonly operationId: string
  readonly changes: readonly (readonly [userId: string, amount: number])[]
}

const users = 40

/** Singles, bulks of up to 200 and now and then one of 1,000: credits, and debits that may be refused. Few users, so that they meet. */
export function drawOperation(random: SeededRandom, operationId: string): LoadOperation {
  const kind = random.fraction()
  const size = kind < 0.8 ? 1 : kind < 0.99 ? random.between(2, 200) : 1_000
  const change = () =>
    [
      `user-${random.between(1, users)}`,
      random.chance(0.35) ? -random.between(1, 60) : random.between(1, 50),
    ] as const
  return { operationId, changes: Array.from({ length: size }, change) }
}

/** As `POST /balance/adjust` takes it. */
export function bodyOf({ operationId, changes }: LoadOperation): string {
  return JSON.stringify({
    operation_id: operationId,
    adjustments: changes.map(([user_id, amount]) => ({
      user_id,
      token_symbol: "POINT",
      amount: `${amount > 0 ? "+" : ""}${amount}`,
      reason_type: "reward",
    })),
  })
}
