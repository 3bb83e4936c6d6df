type Prefix = "tx_" | "hold_" | "redaction_" | "dead_letter_"

/** `tx_` and, in base64url, the ledger's uuid (16 bytes) and the event's position (8 bytes, big-endian). */
export function encodeTxId(ledgerId: string, position: bigint): string {
  return encodePosition("tx_", ledgerId, position)
}

/** @returns the position, or undefined for what is no id of this ledger */
export function decodeTxId(ledgerId: string, txId: string): bigint | undefined {
  return decodePosition("tx_", ledgerId, txId)
}

// One ledger's ids come in a row, and reading its uuid takes longer than the rest of making one.
const bytes = Buffer.alloc(24)
let ledgerOfBytes = ""

export function encodePosition(prefix: Prefix, ledgerId: string, position: bigint): string {
  if (ledgerOfBytes !== ledgerId) bytes.write(ledgerId.replaceAll("-", ""), 0, 16, "hex")
  ledgerOfBytes = ledgerId
  bytes.writeBigUInt64BE(position, 16)
  return `${prefix}${bytes.toString("base64url")}`
}

export function decodePosition(prefix: Prefix, ledgerId: string, id: string): bigint | undefined {
  const encoded = id.slice(prefix.length)
  if (!id.startsWith(prefix) || !/^[\w-]{32}$/.test(encoded)) return undefined
  const position = Buffer.from(encoded, "base64url").readBigUInt64BE(16)
  // Beyond 2^63 there is no position, and PostgreSQL no number for it.
  if (position > 2n ** 63n - 1n) return undefined
  return encodePosition(prefix, ledgerId, position) === id ? position : undefined
}
