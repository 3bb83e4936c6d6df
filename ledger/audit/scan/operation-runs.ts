import { addDigest, type KeyedSum, textField } from "./keyed-sum.ts"

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

/** The row that the table should have, as the bytes that a COPY of its columns has. */
export function addRun(sum: KeyedSum, secret: Uint8Array, run: OperationRun): void {
  const { key, first, last, recordedAt, requestHash } = run
  const positions = `${textField(first.toString())}${textField(last.toString())}`
  requestHashBytes.write(requestHash, 4, "hex")
  addDigest(sum, secret, key, positions, recordedAt, requestHashBytes)
}

/** Its field: 32 bytes behind their length. */
const requestHashBytes = Buffer.alloc(36)
requestHashBytes.writeInt32BE(32)
