import type { ChainCursor } from "./chain-locks.ts"
import type { ChainToken } from "./confirm-blocks.ts"

export type FollowedChain = {
  readonly chainId: number
  readonly confirmationBlocks: number
  /** `safe` waits for the chain's own safe block instead of a number of blocks. */
  readonly finality: "depth" | "safe"
  readonly startBlock: bigint
  /** Of the chain's first block: by it another chain is told from one that lost its blocks. */
  readonly genesisHash: string
  readonly tokens: readonly ChainToken[]
  /** The contract that keeps checkpoints' roots there. */
  readonly auditAnchor: string | null
}

/** A step that has to be tried again: the next wake does. */
export type Waiting = { readonly outcome: "waiting"; readonly reason: string }

/** What one step did. */
export type FollowResult =
  | {
      readonly outcome: "confirmed"
      readonly events: number
      readonly cursor: ChainCursor
      readonly isBehind: boolean
    }
  | { readonly outcome: "revoked"; readonly revoked: number; readonly cursor: ChainCursor }
  | { readonly outcome: "idle"; readonly cursor: ChainCursor }
  | Waiting

export function chainSubject(chainId: number): string {
  return `chain:${chainId}`
}

export const cursorMoved: Waiting = { outcome: "waiting", reason: "another worker moved the cursor" }
