/** `tx_` and, in base64url, the ledger's uuid (16 bytes) and the event's position (8 bytes, big-endian). */
export function encodeTxId(ledgerId: string, position: bigint): string {
  const bytes = Buffer.allocUnsafe(24)
  bytes.write(ledgerId.replaceAll("-", ""), 0, 16, "hex")
  bytes.writeBigUInt64BE(position, 16)
  return `tx_${bytes.toString("base64url")}`
}

/** @returns the position, or undefined for what is no id of this ledger */
export function decodeTxId(ledgerId: string, txId: string): bigint | undefined {
  if (!/^tx_[\w-]{32}$/.test(txId)) return undefined
  const position = Buffer.from(txId.slice(3), "base64url").readBigUInt64BE(16)
  // Beyond 2^63 there is no position, and PostgreSQL no number for it.
  if (position > 2n ** 63n - 1n) return undefined
  return encodeTxId(ledgerId, position) === txId ? position : undefined
}
