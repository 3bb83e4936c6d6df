import { decodePosition, encodePosition } from "./tx-id.ts"

/** `hold_` and the same bytes as in a `tx_id`: the ledger, and the position of the event that placed the hold. */
export function encodeHoldId(ledgerId: string, position: bigint): string {
  return encodePosition("hold_", ledgerId, position)
}

/** @returns the position, or undefined for what is no id of this ledger */
export function decodeHoldId(ledgerId: string, holdId: string): bigint | undefined {
  return decodePosition("hold_", ledgerId, holdId)
}
