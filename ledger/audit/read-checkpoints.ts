import type { Kysely, Transaction } from "kysely"
import { ChainBridgeError } from "../../platform/errors.ts"
import { type SignedCheckpoint, signedNote } from "../domain/checkpoint-note.ts"
import type { AnchorState } from "../store/anchor-tables.ts"
import type { Database } from "../store/database.ts"

type Handle = Kysely<Database> | Transaction<Database>

/** A checkpoint as it is stored, with the key that its row names. */
export type StoredCheckpoint = SignedCheckpoint & {
  readonly previousSize: bigint | null
  readonly publicKey: Buffer
  /** The CheckpointAnchored that stands. */
  readonly anchoredPosition: bigint | null
  /** What is done, or was, to bring it to a chain; null as long as nothing was decided. */
  readonly anchor: {
    readonly chainId: bigint
    readonly contract: string
    readonly state: AnchorState
    readonly transactionHash: string | null
    readonly blockNumber: bigint | null
  } | null
  /** The signed text with its signature. */
  readonly note: string
}

/** @param which its tree size @throws ChainBridgeError CHECKPOINT_DIFFERS where its key is not there */
export async function readCheckpoint(
  db: Handle,
  ledgerId: string,
  which: bigint | "newest",
): Promise<StoredCheckpoint | null> {
  const query = selectCheckpoints(db, ledgerId)
  const row = await (which === "newest"
    ? query.orderBy("c.tree_size", "desc").limit(1)
    : query.where("c.tree_size", "=", which)
  ).executeTakeFirst()
  return row === undefined ? null : toCheckpoint(row)
}

/** Checkpoints above a tree size, the smallest first. */
export async function readCheckpointsAfter(
  db: Handle,
  ledgerId: string,
  treeSize: bigint,
  limit: number,
): Promise<StoredCheckpoint[]> {
  const rows = await selectCheckpoints(db, ledgerId)
    .where("c.tree_size", ">", treeSize)
    .orderBy("c.tree_size")
    .limit(limit)
    .execute()
  return rows.map(toCheckpoint)
}

/** Checkpoints below a tree size, the largest first. */
export async function readCheckpointsBefore(
  db: Handle,
  ledgerId: string,
  treeSize: bigint | null,
  limit: number,
): Promise<StoredCheckpoint[]> {
  const query = selectCheckpoints(db, ledgerId).orderBy("c.tree_size", "desc").limit(limit)
  const rows = await (treeSize === null ? query : query.where("c.tree_size", "<", treeSize)).execute()
  return rows.map(toCheckpoint)
}

function selectCheckpoints(db: Handle, ledgerId: string) {
  return (
    db
      .selectFrom("ledger.checkpoints as c")
      // One whose key is gone must not be passed over: nobody could see that it does not hold.
      .leftJoin("registry.audit_keys as k", "k.key_id", "c.key_id")
      .leftJoin("settlement.anchors as a", (join) =>
        join.onRef("a.ledger_id", "=", "c.ledger_id").onRef("a.tree_size", "=", "c.tree_size"),
      )
      .selectAll("c")
      .select(["k.public_key", "a.chain_id", "a.contract", "a.state", "a.tx_hash", "a.block_number"])
      .where("c.ledger_id", "=", ledgerId)
  )
}

type Row = Awaited<ReturnType<ReturnType<typeof selectCheckpoints>["execute"]>>[number]

function toCheckpoint(row: Row): StoredCheckpoint {
  const { public_key: publicKey } = row
  if (publicKey === null)
    throw new ChainBridgeError(
      "CHECKPOINT_DIFFERS",
      `the checkpoint of ${row.tree_size} events of ledger ${row.ledger_id} names the key ${row.key_id}, which registry.audit_keys does not have`,
    )
  const signed = {
    checkpoint: {
      ledgerId: row.ledger_id,
      treeSize: row.tree_size,
      root: row.root,
      headHash: row.head_hash,
      createdAt: row.created_at,
      keyId: row.key_id,
    },
    signature: row.signature,
  }
  return {
    ...signed,
    previousSize: row.previous_size,
    publicKey,
    anchoredPosition: row.anchored_position,
    anchor:
      row.chain_id === null || row.contract === null || row.state === null
        ? null
        : {
            chainId: row.chain_id,
            contract: row.contract,
            state: row.state,
            transactionHash: row.tx_hash,
            blockNumber: row.block_number,
          },
    note: signedNote(signed, publicKey),
  }
}
