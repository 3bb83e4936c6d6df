import { decodePosition, encodePosition } from "./tx-id.ts"

/** `redaction_` and the same bytes as in a `tx_id`: the ledger, and the position of the event that began the erasure. */
export function encodeRedactionId(ledgerId: string, position: bigint): string {
  return encodePosition("redaction_", ledgerId, position)
}

/** @returns the position, or undefined for what is no id of this ledger */
export function decodeRedactionId(ledgerId: string, redactionId: string): bigint | undefined {
  return decodePosition("redaction_", ledgerId, redactionId)
}
