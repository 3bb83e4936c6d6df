import type { ChangeData, EventDetails, NewEvent } from "./events.ts"

/** A hold as a decision sees it. */
export type Hold = {
  /** Of its HoldPlaced, which names it. */
  readonly position: bigint
  readonly accountId: bigint
  readonly userId: string
  readonly tokenId: number
  readonly amountBaseUnits: bigint
  readonly expiresAt: Date
  /** What a capture is recorded as. */
  readonly change: ChangeData
  readonly details: EventDetails | null
  /** null while the log has no end of it. */
  readonly end: HoldEnd | null
}

export type HoldEnd = { readonly how: "captured" | "released" | "expired"; readonly at: Date }

export type HoldEndedRefusal =
  | { readonly refused: "UNKNOWN_HOLD" }
  | { readonly refused: "HOLD_ENDED"; readonly end: HoldEnd }

/**
 * The hold if it can still be captured or released by an event that is recorded at `at`. Its time counts, and not whether somebody has recorded its expiry already.
 */
export function openHold(hold: Hold | undefined, at: Date): { readonly hold: Hold } | HoldEndedRefusal {
  if (hold === undefined) return { refused: "UNKNOWN_HOLD" }
  const end = hold.end ?? (at >= hold.expiresAt ? { how: "expired" as const, at: hold.expiresAt } : null)
  return end === null ? { hold } : { refused: "HOLD_ENDED", end }
}

/** What an event makes of the hold that it ends; null for other events. */
export function holdEndedBy(event: NewEvent): { readonly position: bigint; readonly end: HoldEnd } | null {
  switch (event.type) {
    case "HoldCaptured":
      return ended(event.data, { how: "captured", at: event.occurredAt })
    case "HoldReleased":
      return ended(event.data, { how: "released", at: event.occurredAt })
    case "HoldExpired":
      return ended(event.data, { how: "expired", at: event.occurredAt })
    default:
      return null
  }
}

function ended(data: { readonly hold_position: number }, end: HoldEnd) {
  return { position: BigInt(data.hold_position), end }
}
