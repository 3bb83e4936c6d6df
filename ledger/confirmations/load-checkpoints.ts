import { sql, type Transaction } from "kysely"
import type { ChainLogOf } from "../domain/chain-log.ts"
import type { KnownCheckpoints } from "../domain/decide-anchors.ts"
import { ledgerIdOfBytes } from "../domain/wallet-address.ts"
import type { Database } from "../store/database.ts"

// A contract's uint64 may hold more than a bigint of PostgreSQL. No checkpoint does.
const treeSizeMax = 2n ** 63n - 1n

type AnchorLog = ChainLogOf<"CheckpointAnchored">

/** The ledgers here that these anchors name. The contract may serve others, of other installations. */
export async function ledgersOfAnchors(
  trx: Transaction<Database>,
  anchors: readonly AnchorLog[],
): Promise<string[]> {
  if (anchors.length === 0) return []
  const named = anchors.flatMap(({ args }) => ledgerIdOfBytes(args.ledgerId) ?? [])
  const { rows } = await sql<{ ledger_id: string }>`
    SELECT ledger_id FROM ledger.head WHERE ledger_id = ANY(${[...new Set(named)]}::uuid[])`.execute(trx)
  return rows.map((row) => row.ledger_id)
}

/** What is known of the checkpoints that these anchors name, as far as the ledgers whose heads are locked are concerned. */
export async function loadCheckpoints(
  trx: Transaction<Database>,
  ledgerIds: readonly string[],
  anchors: readonly AnchorLog[],
): Promise<KnownCheckpoints> {
  const { rows } = await sql<{
    ledger_id: string
    tree_size: bigint
    root: Buffer
    anchored_position: bigint | null
  }>`
    SELECT ledger_id, tree_size, root, anchored_position FROM ledger.checkpoints
    WHERE ledger_id = ANY(${ledgerIds}::uuid[])
      AND tree_size = ANY(${anchors.flatMap(({ args }) => (args.treeSize > treeSizeMax ? [] : [args.treeSize.toString()]))}::bigint[])`.execute(
    trx,
  )
  const checkpoints = new Map(
    rows.map((row) => [
      `${row.ledger_id}:${row.tree_size}`,
      { root: `0x${row.root.toString("hex")}`, isAnchored: row.anchored_position !== null },
    ]),
  )
  const ours = new Set(ledgerIds)
  return {
    isOurs: (ledgerId) => ours.has(ledgerId),
    of: (ledgerId, treeSize) => checkpoints.get(`${ledgerId}:${treeSize}`),
  }
}
