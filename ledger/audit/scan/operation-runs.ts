import { hash } from "node:crypto"

/** The events of one operation, as its row in `ledger.operations` sums them up. */
export type OperationRun = {
  /** Operation id and sequence, as their two fields in the row of the event. */
  readonly key: string
  readonly first: number
  last: number
  /** The field of the first event. */
  readonly recordedAt: string
  /** In hex. */
  readonly requestHash: string
}

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

/** @param bytes a character each */
export function addDigest(sum: KeyedSum, secret: Uint8Array, bytes: string): void {
  const length = secretLength + bytes.length
  if (length > scratch.length) scratch = Buffer.alloc(2 * length)
  scratch.set(secret)
  scratch.write(bytes, secretLength, "latin1")
  const digest = hash("sha256", scratch.subarray(0, length), "binary")
  for (let part = 0; part < 4; part += 1) {
    const at = 4 * part
    sum.parts[part] =
      (sum.parts[part] ?? 0) +
      ((digest.charCodeAt(at) << 24) |
        (digest.charCodeAt(at + 1) << 16) |
        (digest.charCodeAt(at + 2) << 8) |
        digest.charCodeAt(at + 3))
  }
  sum.count += 1
}

/** The row that the table should have, as the bytes that a COPY of its columns has. */
export function addRun(sum: KeyedSum, secret: Uint8Array, run: OperationRun): void {
  const { key, first, last, recordedAt, requestHash } = run
  const bytes = `${key}${numberField(first)}${numberField(last)}${recordedAt}\0\0\0 ${Buffer.from(requestHash, "hex").toString("latin1")}`
  addDigest(sum, secret, bytes)
}

/** Rows of `ledger.operations` in some of the table's pages, each as {@link addRun} has it. */
export function selectOperationRows(ledgerId: string, fromPage: number, toPage: number): string {
  return `COPY (
    SELECT operation_id, sequence::text, first_position::text, last_position::text, recorded_at, request_hash
    FROM ledger.operations
    WHERE ctid >= '(${fromPage},0)'::tid AND ctid < '(${toPage},0)'::tid AND ledger_id = '${ledgerId}'
  ) TO STDOUT (FORMAT binary)`
}

function numberField(value: number): string {
  const digits = value.toString()
  return `\0\0\0${String.fromCharCode(digits.length)}${digits}`
}
