import { encodeEventTopics, type Hex } from "viem"
import { auditAnchorAbi } from "../../abis/audit-anchor.ts"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import type { ChainLogKind } from "../domain/chain-log.ts"

const abi = [...cpopTokenAbi, ...auditAnchorAbi]

function encode(eventName: ChainLogKind): Hex {
  const [topic] = encodeEventTopics({ abi, eventName })
  return topic
}

const topics: Readonly<Record<ChainLogKind, Hex>> = {
  Transfer: encode("Transfer"),
  BatchSettled: encode("BatchSettled"),
  DebitSkipped: encode("DebitSkipped"),
  BatchCancelled: encode("BatchCancelled"),
  CheckpointAnchored: encode("CheckpointAnchored"),
}

/** First topics of the events that the indexer keeps and confirmations read. */
export const logTopics: readonly Hex[] = Object.values(topics)

/** The first topic of one of them. */
export function topicOf(kind: ChainLogKind): Hex {
  return topics[kind]
}
