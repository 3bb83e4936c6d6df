import { encodeEventTopics, type Hex } from "viem"
import { auditAnchorAbi } from "../../abis/audit-anchor.ts"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import type { ChainLogKind } from "../domain/chain-log.ts"

const kinds = {
  Transfer: true,
  BatchSettled: true,
  DebitSkipped: true,
  BatchCancelled: true,
  CheckpointAnchored: true,
} satisfies Record<ChainLogKind, true>

const abi = [...cpopTokenAbi, ...auditAnchorAbi]

/** First topics of the events that the indexer keeps and confirmations read. */
export const logTopics: readonly Hex[] = (Object.keys(kinds) as ChainLogKind[]).map((eventName) => {
  const [topic] = encodeEventTopics({ abi, eventName })
  return topic
})
