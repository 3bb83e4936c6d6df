const versionAndVariant: readonly (readonly [index: number, mask: number, bits: number])[] = [
  [6, 0x0f, 0x70],
  [8, 0x3f, 0x80],
]

/** A new idempotency key, `op_<UUID version 7>`: later ones sort behind earlier ones. */
export function newOperationId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  const time = Date.now().toString(16).padStart(12, "0")
  for (const [index, mask, bits] of versionAndVariant) bytes[index] = ((bytes[index] ?? 0) & mask) | bits
  const random = Array.from(bytes.subarray(6), (byte) => byte.toString(16).padStart(2, "0")).join("")
  return `op_${time.slice(0, 8)}-${time.slice(8)}-${random.slice(0, 4)}-${random.slice(4, 8)}-${random.slice(8)}`
}
