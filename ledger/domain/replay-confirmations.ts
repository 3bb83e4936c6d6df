import { hash } from "node:crypto"
import { type DigestPairs, noDigestPairs } from "./digest-pairs.ts"
import type { EventDataOf, NewEvent } from "./events.ts"
import { ReplayFault } from "./replay-fault.ts"

/** An event that says what a chain did, and that a revocation can take back. */
export type ConfirmationEvent = Extract<
  NewEvent,
  {
    type:
      | "SettlementConfirmed"
      | "SettlementDeferred"
      | "SettlementCancelled"
      | "DepositObserved"
      | "WithdrawalObserved"
      | "CheckpointAnchored"
  }
>

/** The confirmations that nothing has taken back. */
export type LiveConfirmations = {
  /** The key of the log that was confirmed, and what the confirmation moved: SHA-256 digests, so that one of them costs the same whatever it moved. */
  readonly moves: DigestPairs
  /** By tree size: the position that says that this checkpoint is anchored. */
  readonly anchors: Map<number, number>
}

export function noConfirmations(): LiveConfirmations {
  return { moves: noDigestPairs(), anchors: new Map() }
}

/** @throws ReplayFault when the same log is confirmed already for the same account, or the same checkpoint is anchored already */
export function addConfirmation(live: LiveConfirmations, position: bigint, event: ConfirmationEvent): void {
  const { chain_id: chainId, block_hash: blockHash, log_index: logIndex } = event.data
  const key = digestOf([chainId, blockHash, logIndex, event.account?.accountId ?? ""])
  if (live.moves.has(key)) {
    throw new ReplayFault(`log ${logIndex} of block ${blockHash} on chain ${chainId} is confirmed already`)
  }
  if (event.type === "CheckpointAnchored") addAnchor(live, Number(position), event.data.tree_size)
  live.moves.add(Number(position), key, movesOf(takenBack(event)))
}

function addAnchor({ anchors }: LiveConfirmations, position: number, treeSize: number): void {
  if (treeSize >= position)
    throw new ReplayFault(`a checkpoint of ${treeSize} events is anchored before they are there`)
  const earlier = anchors.get(treeSize)
  if (earlier !== undefined) {
    throw new ReplayFault(`the checkpoint of ${treeSize} events is anchored already, at position ${earlier}`)
  }
  anchors.set(treeSize, position)
}

/** @throws ReplayFault unless the revocation names a live confirmation and takes back exactly what that one did */
export function removeConfirmation(
  live: LiveConfirmations,
  revocation: EventDataOf<"ConfirmationRevoked">,
): void {
  const { revoked_position: position } = revocation
  const moves = live.moves.valueAt(position)
  if (moves === undefined) {
    throw new ReplayFault(`position ${position} is no confirmation that stands, and is revoked`)
  }
  if (moves !== movesOf(revocation)) {
    throw new ReplayFault(
      `the revocation of position ${position} says something else than was confirmed there`,
    )
  }
  if (revocation.revoked_type === "CheckpointAnchored") {
    for (const [treeSize, anchored] of live.anchors) if (anchored === position) live.anchors.delete(treeSize)
  }
  live.moves.remove(position)
}

type TakenBack = Pick<
  EventDataOf<"ConfirmationRevoked">,
  "chain_id" | "block_number" | "block_hash" | "revoked_type" | "batch_sequence" | "accounts"
>

/** What a revocation of this event has to say. */
function takenBack(event: ConfirmationEvent): TakenBack {
  const { chain_id, block_number, block_hash } = event.data
  const common = { chain_id, block_number, block_hash, revoked_type: event.type }
  switch (event.type) {
    case "SettlementConfirmed":
      return { ...common, batch_sequence: event.data.batch_sequence, accounts: event.data.accounts }
    case "SettlementDeferred":
    case "SettlementCancelled":
      return { ...common, batch_sequence: event.data.batch_sequence, accounts: [] }
    case "CheckpointAnchored":
      return { ...common, batch_sequence: null, accounts: [] }
    case "DepositObserved":
    case "WithdrawalObserved": {
      if (event.account === null) throw new ReplayFault(`a ${event.type} without an account`)
      const { accountId, amount } = event.account
      const move = { account_id: Number(accountId), settled: "0", amount: amount.toString() }
      return { ...common, batch_sequence: null, accounts: [move] }
    }
  }
}

function movesOf(said: TakenBack): string {
  return digestOf([
    said.revoked_type,
    said.chain_id,
    said.block_number,
    said.block_hash,
    said.batch_sequence ?? "",
    ...said.accounts.flatMap((move) => [move.account_id, move.settled, move.amount]),
  ])
}

function digestOf(parts: readonly (string | number | bigint)[]): string {
  // None of the parts holds a space: they are numbers, hexadecimal and names of types.
  return hash("sha256", parts.join(" "), "binary")
}
