import { createHash } from "node:crypto"
import {
  type CheckedExport,
  createExportCheck,
  type ExportCheckOptions,
  type ExportProblem,
} from "../../ledger/audit/check-export.ts"
import { type ExportOptions, exportLedger } from "../../ledger/audit/export-ledger.ts"
import type { AuditKey } from "../../ledger/domain/audit-key.ts"
import { parseAuditLine, writeAuditLine } from "../../ledger/domain/audit-line.ts"
import { hashEvent } from "../../ledger/domain/event-encoding.ts"
import {
  exportTrailerText,
  lineKind,
  parseExportHeader,
  writeExportHeader,
  writeExportTrailer,
} from "../../ledger/domain/export-format.ts"
import { createMerkleBuilder } from "../../ledger/domain/merkle-builder.ts"
import type { TestLedger } from "./test-ledger.ts"

/** An export as the bytes of its file. */
export async function exportToBytes(
  { db, ledgerId }: Pick<TestLedger, "db" | "ledgerId">,
  options: Partial<ExportOptions> & Pick<ExportOptions, "key">,
): Promise<Buffer> {
  const pieces: string[] = []
  await exportLedger(db, { ledgerId, hasDetails: true, ...options }, (text) => {
    pieces.push(text)
    return Promise.resolve()
  })
  return Buffer.from(pieces.join(""))
}

type Verdict = CheckedExport | (ExportProblem & { readonly line: number | null })

/** What the check says of a file with these bytes. */
export function checkBytes(bytes: Buffer, options: Partial<ExportCheckOptions> = {}): Verdict {
  const check = createExportCheck({ trustedKeys: [], notes: [], ...options })
  let at = 0
  for (let line = 1; at < bytes.length; line += 1) {
    const end = bytes.indexOf(10, at)
    const found = end < 0 ? { problem: "the file ends within it" } : check.add(bytes.subarray(at, end))
    if (found !== null) return { line, ...found }
    at = end + 1
  }
  const result = check.end()
  return "problem" in result ? { line: null, ...result } : result
}

/** A forger's work: changes an event and makes every hash anew, and signs with a key of his own, or with none. Checkpoints are left out. */
export function forgeExport(
  bytes: Buffer,
  position: bigint,
  change: (line: string) => string,
  key: AuditKey | null,
): Buffer {
  const lines = bytes.toString().split("\n").slice(0, -2)
  const header = parseExportHeader(lines[0] ?? "")
  if (header === null) throw new Error("no header")
  const tree = createMerkleBuilder({ size: Number(header.first - 1n), frontier: header.frontier })
  let hash = header.prevHash
  let last = 0n
  const events = lines.slice(1).filter((line) => lineKind(line) === "event")
  const forged = events.map((line) => {
    const original = parseAuditLine(line)
    const event = original?.position === position ? parseAuditLine(change(line)) : original
    if (event === null) throw new Error("the forged line cannot be read")
    const next = { ...event, prevHash: hash, hash: hashEvent(hash, event) }
    hash = next.hash
    last = event.position
    tree.add(hash)
    return writeAuditLine(next)
  })
  const body = `${[writeExportHeader({ ...header, publicKey: key?.publicKey ?? null }), ...forged].join("\n")}\n`
  const sha256 = createHash("sha256").update(body).digest()
  const trailer = { events: BigInt(forged.length), position: last, hash, root: tree.root(), sha256 }
  const signature = key?.sign(exportTrailerText(trailer)) ?? null
  return Buffer.from(`${body}${writeExportTrailer(trailer, signature)}\n`)
}
