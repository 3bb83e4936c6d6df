import { foldChanges, type WaitingChange } from "../../batcher/domain/fold.ts"
import type { DayChange, GameDay } from "./game-day.ts"

export type NetChange = { readonly user: number; readonly amount: bigint }

export type FoldedDay = {
  readonly batches: readonly (readonly NetChange[])[]
  readonly changes: number
  /** Of all batches together. */
  readonly recipients: number
  /** Accounts whose changes cancelled out, each time: no transaction has them. */
  readonly zeros: number
}

export const dayWaits = [
  { wait: "1m", waitMs: 60_000 },
  { wait: "15m", waitMs: 900_000 },
  { wait: "1h", waitMs: 3_600_000 },
  { wait: "24h", waitMs: 86_400_000 },
] as const

/**
 * The day as the product folds it when nothing but the wait makes it settle: what waits is folded when its oldest change has waited so long, and cut into batches of
 * at most `sizeMax`, which are confirmed before the next fold.
 */
export function foldDay(
  day: GameDay,
  options: { readonly waitMs: number; readonly sizeMax: number },
): FoldedDay {
  const confirmed = new Map(day.opening.map((balance, user) => [BigInt(user), balance]))
  const batches: NetChange[][] = []
  let zeros = 0
  for (const waiting of windowsOf(day.changes, options.waitMs)) {
    const fold = foldChanges(
      waiting,
      () => false,
      (accountId) => confirmed.get(accountId) ?? 0n,
    )
    if (fold.heldAccountIds.length > 0) throw new Error("somebody spent what they did not have")
    zeros += fold.zeros.length
    const nets = fold.nets.map(({ accountId, net }) => ({ user: Number(accountId), amount: net }))
    for (const { accountId, net } of fold.nets)
      confirmed.set(accountId, (confirmed.get(accountId) ?? 0n) + net)
    for (let from = 0; from < nets.length; from += options.sizeMax)
      batches.push(nets.slice(from, from + options.sizeMax))
  }
  const recipients = batches.reduce((sum, batch) => sum + batch.length, 0)
  return { batches, changes: day.changes.length, recipients, zeros }
}

function* windowsOf(changes: readonly DayChange[], waitMs: number): Generator<WaitingChange[]> {
  let window: WaitingChange[] = []
  let dueMs = 0
  for (const [index, { atMs, user, amount }] of changes.entries()) {
    if (window.length > 0 && atMs >= dueMs) {
      yield window
      window = []
    }
    if (window.length === 0) dueMs = atMs + waitMs
    window.push({
      position: BigInt(index + 1),
      accountId: BigInt(user),
      amount,
      priority: 1,
      isImmediate: false,
      deadline: new Date(dueMs),
      recordedAt: new Date(atMs),
    })
  }
  if (window.length > 0) yield window
}
