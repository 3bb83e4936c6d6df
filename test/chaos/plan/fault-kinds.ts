/** What ends or stops a process. A `die-at` is one of the batcher's moments between two commits. */
const processKinds = [
  "kill-api",
  "kill-worker",
  "kill-batcher",
  "kill-api-in-transaction",
  "kill-worker-in-transaction",
  "die-at-sealed",
  "die-at-simulated",
  "die-at-reserved",
  "die-at-signed",
  "die-at-saved",
  "die-at-broadcast",
  "die-at-mined",
  "die-at-replaced",
  "freeze-batcher",
  "postgres-restarted",
] as const

/** What the node answers. */
const nodeKinds = [
  "timeout-before-accepting",
  "timeout-after-accepting",
  "status-429",
  "status-500",
  "html",
  "garbage",
  "lag",
  "stale-nonce",
  "transaction-dropped",
] as const

/** What becomes of the chain. */
const chainKinds = [
  "reorg-1",
  "reorg-2",
  "reorg-3",
  "reorg-4",
  "reorg-5",
  "fee-spike",
  "signer-drained",
] as const

/** A start of the indexer takes longer than anything else: only every tenth run. */
export const rareKind = "kill-indexer"

export const tracks = { processes: processKinds, node: nodeKinds, chain: chainKinds } as const
export type Track = keyof typeof tracks
export type FaultKind = (typeof tracks)[Track][number] | typeof rareKind

export const faultKinds: readonly FaultKind[] = [...processKinds, rareKind, ...nodeKinds, ...chainKinds]
