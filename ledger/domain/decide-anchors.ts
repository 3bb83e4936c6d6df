import type { ChainLogOf } from "./chain-log.ts"
import type { Finding } from "./decide-confirmations.ts"
import { ledgerIdOfBytes } from "./wallet-address.ts"

/** What is ours of what anchors name, read under the heads' locks. */
export type KnownCheckpoints = {
  readonly isOurs: (ledgerId: string) => boolean
  readonly of: (
    ledgerId: string,
    treeSize: bigint,
  ) => { readonly root: string; readonly isAnchored: boolean } | undefined
}

/**
 * Says what each anchor means to us: our checkpoint is on the chain, whoever brought it there, or somebody anchored for a ledger of ours what we never signed. Anchors of other ledgers, and
 * of a checkpoint that is anchored already, mean nothing.
 */
export function decideAnchors(
  logs: readonly ChainLogOf<"CheckpointAnchored">[],
  checkpoints: KnownCheckpoints,
): Finding[] {
  return logs.flatMap((log): Finding[] => {
    const { treeSize, root } = log.args
    const ledgerId = ledgerIdOfBytes(log.args.ledgerId)
    if (ledgerId === null || !checkpoints.isOurs(ledgerId)) return []
    const known = checkpoints.of(ledgerId, treeSize)
    if (known === undefined || known.root !== root) {
      return [{ kind: "foreign_anchor", log, ledgerId, signedRoot: known?.root ?? null }]
    }
    return known.isAnchored ? [] : [{ kind: "anchored", log, ledgerId }]
  })
}
