import { levelsOf } from "./merkle-builder.ts"

/** The first line of an export. */
export type ExportHeader = {
  readonly ledgerId: string
  /** Positions of the first and the last event. */
  readonly first: bigint
  readonly last: bigint
  /** Hash of the event before the first one. */
  readonly prevHash: Buffer
  /** Of the Merkle tree over the events before the first one: its complete subtrees, the largest first. */
  readonly frontier: readonly Buffer[]
  /** Whether details and salts were written at all. */
  readonly hasDetails: boolean
  /** What the last line is signed with; null where nobody signs. */
  readonly publicKey: Buffer | null
}

/** A line behind the event at the position that the checkpoint covers last. */
export type ExportCheckpoint = { readonly publicKey: Buffer; readonly note: string }

/** What the last line says of everything before it. */
export type ExportTrailer = {
  readonly events: bigint
  readonly position: bigint
  /** Of the last event. */
  readonly hash: Buffer
  /** Of the Merkle tree over every event of the ledger up to the last one. */
  readonly root: Buffer
  /** SHA-256 of every byte of the file before this line. */
  readonly sha256: Buffer
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const headerStart = '{"chainbridge_export":1,'
const checkpointStart = '{"checkpoint":'
const trailerStart = '{"chainbridge_export_end":1,'

export function lineKind(line: string): "header" | "event" | "checkpoint" | "trailer" {
  if (line.startsWith(headerStart)) return "header"
  if (line.startsWith(checkpointStart)) return "checkpoint"
  return line.startsWith(trailerStart) ? "trailer" : "event"
}

export function writeExportHeader(header: ExportHeader): string {
  return JSON.stringify({
    chainbridge_export: 1,
    ledger_id: header.ledgerId,
    first: header.first.toString(),
    last: header.last.toString(),
    prev_hash: header.prevHash.toString("hex"),
    frontier: header.frontier.map((hash) => hash.toString("hex")),
    details: header.hasDetails,
    public_key: header.publicKey?.toString("hex") ?? null,
  })
}

/** @returns null when it is not a header as {@link writeExportHeader} writes it */
export function parseExportHeader(line: string): ExportHeader | null {
  return parseLine(line, writeExportHeader, (fields) => {
    const header = {
      ledgerId: String(fields["ledger_id"]),
      first: BigInt(String(fields["first"])),
      last: BigInt(String(fields["last"])),
      prevHash: hexOf(fields["prev_hash"]),
      frontier: Array.isArray(fields["frontier"]) ? fields["frontier"].map(hexOf) : [],
      hasDetails: fields["details"] === true,
      publicKey: fields["public_key"] === null ? null : hexOf(fields["public_key"]),
    }
    const { first, last, prevHash, frontier, publicKey } = header
    const isPossible = first > 0n && first <= last && last <= BigInt(Number.MAX_SAFE_INTEGER)
    const isWhole = [prevHash, ...frontier, ...(publicKey === null ? [] : [publicKey])].every(
      ({ length }) => length === 32,
    )
    return uuidPattern.test(header.ledgerId) &&
      isPossible &&
      isWhole &&
      frontier.length === levelsOf(Number(first - 1n)).length
      ? header
      : null
  })
}

export function writeExportCheckpoint({ publicKey, note }: ExportCheckpoint): string {
  return JSON.stringify({ checkpoint: { public_key: publicKey.toString("hex"), note } })
}

export function parseExportCheckpoint(line: string): ExportCheckpoint | null {
  return parseLine(line, writeExportCheckpoint, ({ checkpoint }) => {
    const fields = checkpoint as Record<string, unknown>
    const publicKey = hexOf(fields["public_key"])
    return publicKey.length === 32 ? { publicKey, note: String(fields["note"]) } : null
  })
}

/** The last line as far as it is signed. */
export function exportTrailerText(trailer: ExportTrailer): string {
  const text = JSON.stringify({
    chainbridge_export_end: 1,
    events: trailer.events.toString(),
    position: trailer.position.toString(),
    hash: trailer.hash.toString("hex"),
    root: trailer.root.toString("hex"),
    sha256: trailer.sha256.toString("hex"),
  })
  return text.slice(0, -1)
}

export function writeExportTrailer(trailer: ExportTrailer, signature: Buffer | null): string {
  return `${exportTrailerText(trailer)},"signature":${JSON.stringify(signature?.toString("hex") ?? null)}}`
}

/** @returns the signature, null in it where nobody signed; or null when the line is not a trailer of this content */
export function parseExportTrailer(
  line: string,
  expected: ExportTrailer,
): { readonly signature: Buffer | null } | null {
  const found = /,"signature":(?:null|"([0-9a-f]{128})")\}$/.exec(line)
  if (found === null) return null
  const signature = found[1] === undefined ? null : Buffer.from(found[1], "hex")
  return writeExportTrailer(expected, signature) === line ? { signature } : null
}

function parseLine<Parsed>(
  line: string,
  write: (parsed: Parsed) => string,
  read: (fields: Record<string, unknown>) => Parsed | null,
): Parsed | null {
  try {
    const parsed = read(JSON.parse(line) as Record<string, unknown>)
    return parsed !== null && write(parsed) === line ? parsed : null
  } catch (error) {
    // No JSON, another shape, no integer.
    if (error instanceof SyntaxError || error instanceof RangeError || error instanceof TypeError) return null
    throw error
  }
}

function hexOf(value: unknown): Buffer {
  return Buffer.from(String(value), "hex")
}
