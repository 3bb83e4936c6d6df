import { hash } from "node:crypto"

/**
 * A sum over keyed digests: equal sums are equal sets of rows, in whatever order. The secret is drawn for each run of the verifier, so that nobody can have chosen rows whose
 * digests cancel out.
 */
export type KeyedSum = { readonly parts: Uint32Array; count: number }

export function emptySum(): KeyedSum {
  return { parts: new Uint32Array(4), count: 0 }
}

export function addSums(target: KeyedSum, { parts, count }: KeyedSum): void {
  for (let part = 0; part < 4; part += 1) target.parts[part] = (target.parts[part] ?? 0) + (parts[part] ?? 0)
  target.count += count
}

export function equalSums(one: KeyedSum, other: KeyedSum): boolean {
  return one.count === other.count && one.parts.every((part, index) => part === other.parts[index])
}

const secretLength = 32
let scratch = Buffer.alloc(1_024)

/** @param parts of the row, one behind the other: bytes, or a text with a character each */
export function addDigest(
  sum: KeyedSum,
  secret: Uint8Array,
  ...parts: readonly (string | Uint8Array)[]
): void {
  const length = parts.reduce((total, part) => total + part.length, secretLength)
  if (length > scratch.length) scratch = Buffer.alloc(2 * length)
  scratch.set(secret)
  let at = secretLength
  for (const part of parts) {
    if (typeof part === "string") scratch.write(part, at, "latin1")
    else scratch.set(part, at)
    at += part.length
  }
  const digest = hash("sha256", scratch.subarray(0, length), "binary")
  for (let part = 0; part < 4; part += 1) {
    const from = 4 * part
    sum.parts[part] =
      (sum.parts[part] ?? 0) +
      ((digest.charCodeAt(from) << 24) |
        (digest.charCodeAt(from + 1) << 16) |
        (digest.charCodeAt(from + 2) << 8) |
        digest.charCodeAt(from + 3))
  }
  sum.count += 1
}

/** A text in ASCII as a field of a binary COPY has it, a character a byte. */
export function textField(text: string): string {
  return `\0\0\0${String.fromCharCode(text.length)}${text}`
}
