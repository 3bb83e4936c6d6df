import { parseAuditLine } from "../ledger/domain/audit-line.ts"
import { lineKind, parseExportHeader } from "../ledger/domain/export-format.ts"
import { createMerkleBuilder, type MerkleBuilder } from "../ledger/domain/merkle-builder.ts"
import { readLines } from "./read-lines.ts"

/**
 * The roots of the trees over the ledger's first events, as many as each size says, of an export that was checked before.
 * @param sizes from the event before its first one to its last one
 * @returns them by size; null where it does not give `lastRoot` at its end any more: it is another file by now
 */
export async function readExportRoots(
  path: string,
  sizes: ReadonlySet<bigint>,
  lastRoot: Buffer,
): Promise<Map<bigint, Buffer> | null> {
  const roots = new Map<bigint, Buffer>()
  let tree: MerkleBuilder | undefined
  for await (const { bytes } of readLines(path)) {
    const line = bytes.toString()
    if (tree === undefined) {
      const header = parseExportHeader(line)
      if (header === null) return null
      tree = createMerkleBuilder({ size: Number(header.first - 1n), frontier: header.frontier })
    } else if (lineKind(line) === "event") {
      const event = parseAuditLine(line)
      if (event === null) return null
      tree.add(event.hash)
    } else continue
    const size = BigInt(tree.size)
    if (sizes.has(size)) roots.set(size, tree.root())
  }
  return tree?.root().equals(lastRoot) === true ? roots : null
}
