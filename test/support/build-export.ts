import { createHash } from "node:crypto"
import type { AuditKey } from "../../ledger/domain/audit-key.ts"
import { type LoggedEvent, writeAuditLine } from "../../ledger/domain/audit-line.ts"
import { checkpointText, signedNote } from "../../ledger/domain/checkpoint-note.ts"
import { hashDetails, hashEvent } from "../../ledger/domain/event-encoding.ts"
import {
  exportTrailerText,
  writeExportCheckpoint,
  writeExportHeader,
  writeExportTrailer,
} from "../../ledger/domain/export-format.ts"
import { createMerkleBuilder } from "../../ledger/domain/merkle-builder.ts"

/** An event that a test makes up: what it leaves out is absent. */
export type MadeUp = Partial<Omit<LoggedEvent, "position" | "prevHash" | "hash">> & {
  readonly type: string
  readonly data: object
}

type BuiltExport = {
  readonly bytes: Buffer
  readonly ledgerId: string
  /** Of the tree over the first n events, for every n. */
  readonly roots: ReadonlyMap<number, Buffer>
  /** Signed checkpoints, for every size that was asked for. */
  readonly notes: ReadonlyMap<number, string>
}

const ledgerId = "2ea445cd-ca7b-4742-b0f2-24bacf6a31c3"
const at = new Date("2026-01-01T00:00:00.000Z")
export const madeUpHash = `0x${"ab".repeat(32)}`
export const madeUpAddress = `0x${"cd".repeat(20)}`
export const place = {
  chain_id: 31_337,
  block_number: 1,
  block_hash: madeUpHash,
  log_index: 0,
  transaction_hash: madeUpHash,
}
export const change = {
  reason_type: "reward",
  business_type: "reward",
  priority: "normal",
  is_immediate: false,
  max_wait_ms: null,
  business_batch_id: null,
}

/** Moves the account's pending balance by `amount`, to `after`. */
export function adjusted(accountId: bigint, amount: bigint, after: bigint, more: object = {}): MadeUp {
  const data = { ...change, confirmed_after: "0" }
  return { type: "AdjustmentRecorded", accountId, amount, balanceAfter: after, data, ...more }
}

export function opened(accountId: bigint, more: object = {}): MadeUp {
  const data = {
    user_id: `user-${accountId}`,
    chain_id: 31_337,
    token_address: madeUpAddress,
    address: madeUpAddress,
  }
  return { type: "AccountOpened", accountId, amount: 0n, balanceAfter: 0n, data, ...more }
}

export function withDetails(
  event: MadeUp,
  detailsJson = '{"reason_detail":null,"metadata":{"a":1}}',
): MadeUp {
  const salt = Buffer.alloc(16, 7)
  return { ...event, detailsJson, salt, detailsHash: hashDetails(salt, detailsJson) }
}

/**
 * The file that somebody can write who has the key: every hash, root and signature is right, whatever the events say.
 * @param options.checkpoints sizes that the file has a checkpoint of
 * @param options.line another text for the line of an event, whose position is given
 */
export function buildExport(
  events: readonly MadeUp[],
  options: {
    readonly key: AuditKey | null
    readonly checkpoints?: readonly number[]
    readonly checkpointKey?: AuditKey
    readonly checkpointsTwice?: boolean
    readonly line?: (text: string, position: number) => string
  },
): BuiltExport {
  const { key, checkpoints = [], line = (text) => text } = options
  const tree = createMerkleBuilder()
  const roots = new Map<number, Buffer>()
  const notes = new Map<number, string>()
  const last = BigInt(events.length)
  let hash: Buffer = Buffer.alloc(32)
  const header = { ledgerId, first: 1n, last, prevHash: hash, frontier: [], hasDetails: true }
  const lines = [writeExportHeader({ ...header, publicKey: key?.publicKey ?? null })]
  for (const [index, made] of events.entries()) {
    const event = complete(made, BigInt(index + 1))
    const prevHash = hash
    hash = hashEvent(prevHash, event)
    tree.add(hash)
    roots.set(tree.size, tree.root())
    lines.push(line(writeAuditLine({ ...event, prevHash, hash }), tree.size))
    const signer = options.checkpointKey ?? key
    if (!checkpoints.includes(tree.size) || signer === null) continue
    const note = noteOf(signer, tree.size, tree.root(), hash)
    notes.set(tree.size, note)
    const written = writeExportCheckpoint({ publicKey: signer.publicKey, note })
    lines.push(written, ...(options.checkpointsTwice === true ? [written] : []))
  }
  const body = `${lines.join("\n")}\n`
  const sha256 = createHash("sha256").update(body).digest()
  const trailer = { events: last, position: last, hash, root: tree.root(), sha256 }
  const signature = key?.sign(exportTrailerText(trailer)) ?? null
  const bytes = Buffer.from(`${body}${writeExportTrailer(trailer, signature)}\n`)
  return { bytes, ledgerId, roots, notes }
}

/** A signed checkpoint that says what it is told. */
export function noteOf(key: AuditKey, treeSize: number, root: Buffer, headHash: Buffer): string {
  const { keyId } = key
  const checkpoint = { ledgerId, treeSize: BigInt(treeSize), root, headHash, createdAt: at, keyId }
  return signedNote({ checkpoint, signature: key.sign(checkpointText(checkpoint)) }, key.publicKey)
}

function complete({ data, ...made }: MadeUp, position: bigint): Omit<LoggedEvent, "prevHash" | "hash"> {
  return {
    ledgerId,
    version: 1,
    operationId: null,
    sequence: null,
    accountId: null,
    amount: null,
    balanceAfter: null,
    occurredAt: at,
    recordedAt: at,
    causation: "test",
    dataJson: JSON.stringify(data),
    detailsHash: null,
    detailsJson: null,
    salt: null,
    ...made,
    position,
  }
}
