import { isDeepStrictEqual } from "node:util"
import type { Hex } from "viem"
import type { AgreedLog } from "../../platform/rpc/agreement.ts"
import type { ChainLog, ChainLogKind, ChainLogOf } from "../domain/chain-log.ts"
import { topicOf } from "./log-topics.ts"

/**
 * Whether a row of the indexer says what the chain's endpoints agree on, to the last amount. The indexer has it from one endpoint, and a block's hash vouches for nothing that a single node tells of the
 * block's logs.
 */
export function isSameLog(row: ChainLog, log: AgreedLog): boolean {
  return (
    row.blockHash === log.blockHash &&
    row.logIndex === log.logIndex &&
    row.blockNumber === log.blockNumber &&
    row.transactionHash === log.transactionHash &&
    row.address === log.address &&
    topicOf(row.kind) === log.topics[0] &&
    isDeepStrictEqual(argsOf[row.kind](log), row.args)
  )
}

/**
 * Whether the indexer has a row of a log at all: it leaves out what cannot be read as its name says, and anchors of any contract but the one that keeps them. A token of somebody else's may log both, and
 * must not be able to stop the confirmations of all others.
 */
export function isIndexed(log: AgreedLog, auditAnchor: string | null): boolean {
  return kinds.some((kind) => {
    const { topics, words } = shapes[kind]
    return (
      topicOf(kind) === log.topics[0] &&
      (kind === "CheckpointAnchored") === (log.address === auditAnchor) &&
      log.topics.length > topics &&
      log.data.length >= 2 + words * 64
    )
  })
}

/** How many arguments stand in topics, behind the event's own, and how many words in the data. */
const shapes: Readonly<Record<ChainLogKind, { readonly topics: number; readonly words: number }>> = {
  Transfer: { topics: 2, words: 1 },
  BatchSettled: { topics: 1, words: 3 },
  DebitSkipped: { topics: 2, words: 2 },
  BatchCancelled: { topics: 1, words: 0 },
  CheckpointAnchored: { topics: 1, words: 2 },
}
const kinds = Object.keys(shapes) as ChainLogKind[]

type Words = Pick<AgreedLog, "topics" | "data">

// Thousands are compared in one step, and each has so few words that they are read here.
const argsOf: { readonly [Kind in ChainLogKind]: (log: Words) => ChainLogOf<Kind>["args"] } = {
  Transfer: ({ topics, data }) => ({
    from: addressIn(topics[1]),
    to: addressIn(topics[2]),
    value: uintIn(wordAt(data, 0)),
  }),
  BatchSettled: ({ topics, data }) => ({
    batchId: uintIn(topics[1]),
    contentHash: wordAt(data, 0),
    minted: uintIn(wordAt(data, 1)),
    burned: uintIn(wordAt(data, 2)),
  }),
  DebitSkipped: ({ topics, data }) => ({
    batchId: uintIn(topics[1]),
    account: addressIn(topics[2]),
    amount: uintIn(wordAt(data, 0)),
    balance: uintIn(wordAt(data, 1)),
  }),
  BatchCancelled: ({ topics }) => ({ batchId: uintIn(topics[1]) }),
  CheckpointAnchored: ({ topics, data }) => ({
    ledgerId: topics[1] ?? "0x",
    treeSize: uintIn(wordAt(data, 0)),
    root: wordAt(data, 1),
  }),
}

function wordAt(data: Hex, index: number): Hex {
  return `0x${data.slice(2 + index * 64, 66 + index * 64)}`
}

function uintIn(word: Hex | undefined): bigint {
  return word === undefined || word === "0x" ? -1n : BigInt(word)
}

function addressIn(word: Hex | undefined): string {
  return `0x${(word ?? "").slice(-40)}`
}
