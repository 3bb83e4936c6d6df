import type { LogEvent } from "./log-event.ts"

/** Follows holds: each is placed once, ends once, and with all of its amount. */
export function createHoldFold(problem: (text: string) => void) {
  const open = new Map<string, { readonly accountId: string | null; readonly amount: bigint }>()
  return {
    place({ position, accountId, data }: LogEvent): void {
      open.set(position.toString(), { accountId, amount: BigInt(data["amount"] as string) })
    },
    end({ accountId, amount, type, data }: LogEvent): void {
      const position = String(data["hold_position"])
      const hold = open.get(position)
      open.delete(position)
      if (hold === undefined) {
        problem(`ends hold ${position}, which is not open`)
        return
      }
      const captured = type === "HoldCaptured" ? BigInt(data["captured"] as string) : 0n
      if (captured + BigInt(data["released"] as string) !== hold.amount)
        problem(`ends hold ${position} with another amount than it was placed with`)
      if (hold.accountId !== accountId) problem(`ends hold ${position} of another account`)
      if (type === "HoldCaptured" && amount !== -captured) problem(`captures ${captured} and takes ${amount}`)
    },
  }
}
